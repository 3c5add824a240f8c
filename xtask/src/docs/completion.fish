# Made by cargo xtask docs from the option tables of oxtables.

# Those fish brings along are of another version.
for name in iptables ip6tables iptables-nft ip6tables-nft
    complete -c $name -e
end

function __oxtables
    for name in iptables ip6tables iptables-nft ip6tables-nft
        complete -c $name $argv
    end
end

# Whether the line so far has -LETTER EXTENSION, --LONG EXTENSION or -p EXTENSION.
function __oxtables_loaded -a letter long extension
    set -l last ''
    for word in (commandline -opc)
        if contains -- $last -$letter --$long -p --protocol; and test $word = $extension
            return 0
        end
        set last $word
    end
    return 1
end

# The chains every table may have, and those of the table of the line so far.
function __oxtables_chains
    set -l words (commandline -opc)
    set -l table filter
    set -l last ''
    for word in $words
        contains -- $last -t --table; and set table $word
        set last $word
    end
    switch $table
        case nat
            printf '%s\n' PREROUTING INPUT OUTPUT POSTROUTING
        case mangle
            printf '%s\n' PREROUTING INPUT FORWARD OUTPUT POSTROUTING
        case raw
            printf '%s\n' PREROUTING OUTPUT
        case '*'
            printf '%s\n' INPUT FORWARD OUTPUT
    end
    $words[1] -t $table -S 2>/dev/null | string replace -rf '^-N ' ''
end

__oxtables -f
