#compdef iptables ip6tables iptables-nft ip6tables-nft
# Made by cargo xtask docs from the option tables of oxtables.

local -a options matches targets chains
local table=filter i
matches=(
@MATCHES@
)
targets=(
@TARGETS@
)
for ((i = 2; i < CURRENT; i++)); do
  case $words[i] in
  -t|--table) table=$words[i+1] ;;
  esac
done
case $table in
nat) chains=(PREROUTING INPUT OUTPUT POSTROUTING) ;;
mangle) chains=(PREROUTING INPUT FORWARD OUTPUT POSTROUTING) ;;
raw) chains=(PREROUTING OUTPUT) ;;
*) chains=(INPUT FORWARD OUTPUT) ;;
esac
chains+=(${(f)"$($words[1] -t $table -S 2>/dev/null | sed -n 's/^-N //p')"})

_oxtables_load() {
  case $1 in
@CASES@
  esac
}

case $words[CURRENT-1] in
-m|--match) _describe match matches ;;
-j|--jump) _describe target targets; compadd -a chains ;;
-g|--goto) compadd -a chains ;;
-t|--table) compadd filter nat mangle raw security ;;
-p|--protocol) compadd tcp udp icmp icmpv6 all ;;
-i|-o|--in-interface|--out-interface) _net_interfaces ;;
-[ACDIRLSFZXEP]|--(append|check|delete|insert|replace|list|list-rules|flush|zero|delete-chain|rename-chain|policy))
  compadd -a chains ;;
*)
  options=(
@BASE@
  )
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
    -m|--match|-j|--jump|-p|--protocol) _oxtables_load $words[i+1] ;;
    esac
  done
  _describe -o option options ;;
esac
