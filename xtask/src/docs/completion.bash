# Made by cargo xtask docs from the option tables of oxtables.

_oxtables_options() {
    case $1 in
@CASES@
    esac
}

# The chains of the table of the line so far: those the table is born with, and those found in it.
_oxtables_chains() {
    local i table=filter
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -t | --table) table=${COMP_WORDS[i + 1]} ;;
        esac
    done
    case $table in
    nat) echo PREROUTING INPUT OUTPUT POSTROUTING ;;
    mangle) echo PREROUTING INPUT FORWARD OUTPUT POSTROUTING ;;
    raw) echo PREROUTING OUTPUT ;;
    *) echo INPUT FORWARD OUTPUT ;;
    esac
    "${COMP_WORDS[0]}" -t "$table" -S 2>/dev/null | sed -n 's/^-N //p'
}

_oxtables_editor() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i words
    local matches='@MATCHES4@' targets='@TARGETS4@'
    case $1${COMP_WORDS[0]} in
    *ip6tables*)
        matches='@MATCHES6@'
        targets='@TARGETS6@'
        ;;
    esac
    case $prev in
    -m | --match) words=$matches ;;
    -j | --jump) words="$targets $(_oxtables_chains)" ;;
    -t | --table) words='filter nat mangle raw security' ;;
    -p | --protocol) words='tcp udp icmp icmpv6 all' ;;
    -i | -o | --in-interface | --out-interface) words=$(ls /sys/class/net 2>/dev/null) ;;
    -[ACDIRLSFZXEPg] | --append | --check | --delete | --insert | --replace | --list | --list-rules | \
        --flush | --zero | --delete-chain | --rename-chain | --policy | --goto) words=$(_oxtables_chains) ;;
    *)
        words='@OPTIONS@'
        for ((i = 1; i < COMP_CWORD; i++)); do
            case ${COMP_WORDS[i]} in
            -m | --match | -j | --jump | -p | --protocol)
                words+=" $(_oxtables_options "${COMP_WORDS[i + 1]}")"
                ;;
            esac
        done
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _oxtables_editor iptables ip6tables iptables-nft ip6tables-nft

_oxtables_save() {
    mapfile -t COMPREPLY < <(compgen -W '--counters --table --file --version' -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _oxtables_save iptables-save ip6tables-save iptables-nft-save ip6tables-nft-save

_oxtables_restore() {
    mapfile -t COMPREPLY < <(compgen -f -W '--counters --verbose --test --noflush --table --wait --help --version' \
        -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _oxtables_restore iptables-restore ip6tables-restore iptables-nft-restore ip6tables-nft-restore
