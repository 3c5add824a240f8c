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
__oxtables -l append -s A -x -a "(__oxtables_chains)" -d 'append the rule to the chain'
__oxtables -l delete -s D -x -a "(__oxtables_chains)" -d 'delete the rule, or the one of that number (1 is the first)'
__oxtables -l check -s C -x -a "(__oxtables_chains)" -d 'tell by the exit code whether the rule is there'
__oxtables -l insert -s I -x -a "(__oxtables_chains)" -d 'insert the rule, to become number rulenum (default 1, the first)'
__oxtables -l replace -s R -x -a "(__oxtables_chains)" -d 'put the rule in the place of number rulenum'
__oxtables -l list -s L -x -a "(__oxtables_chains)" -d 'list the rules of a chain or of all, in columns'
__oxtables -l list-rules -s S -x -a "(__oxtables_chains)" -d 'print the rules of a chain or of all, as commands'
__oxtables -l flush -s F -x -a "(__oxtables_chains)" -d 'delete every rule of a chain or of all'
__oxtables -l zero -s Z -x -a "(__oxtables_chains)" -d 'set the counters of a rule, a chain or all to zero'
__oxtables -l new-chain -s N -x -a "(__oxtables_chains)" -d 'make a chain of one\'s own'
__oxtables -l delete-chain -s X -x -a "(__oxtables_chains)" -d 'delete an empty chain of one\'s own, or all of them'
__oxtables -l rename-chain -s E -x -a "(__oxtables_chains)" -d 'rename a chain of one\'s own; rules that go there follow'
__oxtables -l policy -s P -x -a "(__oxtables_chains)" -d 'what a built-in chain does with packets that reach its end'
__oxtables -l source -s s -x -d 'where the packet comes from (also --src)'
__oxtables -l destination -s d -x -d 'where the packet goes to (also --dst)'
__oxtables -l protocol -s p -x -d 'the protocol, by name or number, as in `tcp\''
__oxtables -l in-interface -s i -x -a "(__fish_print_interfaces)" -d 'the interface it came in by (+ at the end: any that begins so)'
__oxtables -l out-interface -s o -x -a "(__fish_print_interfaces)" -d 'the interface it leaves by (+ at the end: any that begins so)'
__oxtables -l jump -s j -x -a "(__oxtables_chains) ACCEPT DROP QUEUE RETURN DNAT DSCP HL LOG MARK MASQUERADE NETMAP NFLOG NFQUEUE REDIRECT REJECT SNAT TCPMSS TOS TRACE TTL" -d 'what to do with the packet: a verdict, a chain, or a target extension'
__oxtables -l goto -s g -x -a "(__oxtables_chains)" -d 'go on in that chain, and do not come back here'
__oxtables -l match -s m -x -a "addrtype comment conntrack cpu devgroup dscp hl icmp icmp6 iprange length mac mark multiport owner physdev pkttype rpfilter socket state tcp tcpmss time tos ttl udp" -d 'look at more of the packet with a match extension'
__oxtables -l fragments -s f -d 'second and later fragments only'
__oxtables -l set-counters -s c -x -d 'the counters the rule begins with'
__oxtables -l table -s t -x -a "filter nat mangle raw security" -d 'the table to work on (default `filter\')'
__oxtables -l verbose -s v -d 'tell more; twice: even more'
__oxtables -l numeric -s n -d 'addresses and ports as numbers'
__oxtables -l exact -s x -d 'counters in full, not in K, M and G'
__oxtables -l line-numbers -d 'number the rules in a list'
__oxtables -l wait -s w -x -d 'accepted for old scripts: the kernel\'s transactions need no lock'
__oxtables -l wait-interval -s W -x -d 'accepted for old scripts, and does nothing'
__oxtables -l modprobe -s M -x -d 'accepted for old scripts: the kernel loads its modules itself'
__oxtables -l ipv4 -s 4 -d 'only for iptables-restore: ip6tables-restore skips the line'
__oxtables -l ipv6 -s 6 -d 'only for ip6tables-restore: iptables-restore skips the line'
__oxtables -l version -s V -d 'print the version'
__oxtables -l help -s h -d 'print this; after -m, -p or -j, that extension\'s options too'
__oxtables -n '__oxtables_loaded m match addrtype' -l src-type -x -d 'the source address is of one of these'
__oxtables -n '__oxtables_loaded m match addrtype' -l dst-type -x -d 'the destination address is of one of these'
__oxtables -n '__oxtables_loaded m match addrtype' -l limit-iface-in -d 'as seen on the interface the packet came in by'
__oxtables -n '__oxtables_loaded m match addrtype' -l limit-iface-out -d 'as seen on the interface the packet leaves by'
__oxtables -n '__oxtables_loaded m match comment' -l comment -x -d 'the remark'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctstate -x -d 'the connection is in one of these states'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctproto -x -d 'the connection\'s protocol'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctorigsrc -x -d 'who opened the connection'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctorigdst -x -d 'to whom it was opened'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctreplsrc -x -d 'who answers'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctrepldst -x -d 'to whom the answers go'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctorigsrcport -x -d 'source port of the opening direction'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctorigdstport -x -d 'destination port of the opening direction'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctreplsrcport -x -d 'source port of the answers'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctrepldstport -x -d 'destination port of the answers'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctstatus -x -d 'the connection has one of these marks of the kernel\'s'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctexpire -x -d 'seconds until the connection is forgotten'
__oxtables -n '__oxtables_loaded m match conntrack' -l ctdir -x -d 'the direction of the packet'
__oxtables -n '__oxtables_loaded m match cpu' -l cpu -x -d 'the processor that handles the packet'
__oxtables -n '__oxtables_loaded m match devgroup' -l src-group -x -d 'the group of the interface it came in by'
__oxtables -n '__oxtables_loaded m match devgroup' -l dst-group -x -d 'the group of the interface it leaves by'
__oxtables -n '__oxtables_loaded m match dscp' -l dscp -x -d 'the code point'
__oxtables -n '__oxtables_loaded m match dscp' -l dscp-class -x -d 'the code point by its class'
__oxtables -n '__oxtables_loaded m match hl' -l hl-lt -x -d 'less than this'
__oxtables -n '__oxtables_loaded m match hl' -l hl-gt -x -d 'greater than this'
__oxtables -n '__oxtables_loaded m match hl' -l hl-eq -x -d 'this'
__oxtables -n '__oxtables_loaded m match hl' -l hl -x -d 'this'
__oxtables -n '__oxtables_loaded m match icmp' -l icmp-type -x -d 'the message\'s type, and code where one is given'
__oxtables -n '__oxtables_loaded m match icmp6' -l icmpv6-type -x -d 'the message\'s type, and code where one is given'
__oxtables -n '__oxtables_loaded m match iprange' -l src-range -x -d 'the source address is one of these'
__oxtables -n '__oxtables_loaded m match iprange' -l dst-range -x -d 'the destination address is one of these'
__oxtables -n '__oxtables_loaded m match length' -l length -x -d 'bytes of the packet, its IP header included'
__oxtables -n '__oxtables_loaded m match mac' -l mac-source -x -d 'the Ethernet address the packet came from'
__oxtables -n '__oxtables_loaded m match mark' -l mark -x -d 'the mark, compared under the mask'
__oxtables -n '__oxtables_loaded m match multiport' -l sports -x -d 'one of these is the source port'
__oxtables -n '__oxtables_loaded m match multiport' -l source-ports -x -d 'one of these is the source port'
__oxtables -n '__oxtables_loaded m match multiport' -l dports -x -d 'one of these is the destination port'
__oxtables -n '__oxtables_loaded m match multiport' -l destination-ports -x -d 'one of these is the destination port'
__oxtables -n '__oxtables_loaded m match multiport' -l ports -x -d 'one of these is the source port or the destination port'
__oxtables -n '__oxtables_loaded m match owner' -l uid-owner -x -d 'who owns the socket'
__oxtables -n '__oxtables_loaded m match owner' -l gid-owner -x -d 'the group that owns the socket'
__oxtables -n '__oxtables_loaded m match owner' -l socket-exists -d 'the packet has a local socket'
__oxtables -n '__oxtables_loaded m match owner' -l suppl-groups -d 'the owner\'s other groups count for --gid-owner too'
__oxtables -n '__oxtables_loaded m match physdev' -l physdev-in -x -d 'the bridge port it came in by'
__oxtables -n '__oxtables_loaded m match physdev' -l physdev-out -x -d 'the bridge port it leaves by'
__oxtables -n '__oxtables_loaded m match physdev' -l physdev-is-in -d 'it came in by a bridge port'
__oxtables -n '__oxtables_loaded m match physdev' -l physdev-is-out -d 'it leaves by a bridge port'
__oxtables -n '__oxtables_loaded m match physdev' -l physdev-is-bridged -d 'it is bridged, not routed'
__oxtables -n '__oxtables_loaded m match pkttype' -l pkt-type -x -d 'whom the link layer says the packet is for'
__oxtables -n '__oxtables_loaded m match rpfilter' -l loose -d 'any interface will do'
__oxtables -n '__oxtables_loaded m match rpfilter' -l validmark -d 'the packet\'s mark counts for the route'
__oxtables -n '__oxtables_loaded m match rpfilter' -l accept-local -d 'packets from our own addresses pass'
__oxtables -n '__oxtables_loaded m match rpfilter' -l invert -d 'matches the packets that fail the test'
__oxtables -n '__oxtables_loaded m match socket' -l transparent -d 'only a socket that is transparent'
__oxtables -n '__oxtables_loaded m match socket' -l nowildcard -d 'also a socket bound to any address'
__oxtables -n '__oxtables_loaded m match socket' -l restore-skmark -d 'gives the packet the socket\'s mark'
__oxtables -n '__oxtables_loaded m match state' -l state -x -d 'the connection is in one of these states'
__oxtables -n '__oxtables_loaded m match tcp' -l sport -x -d 'source port or ports'
__oxtables -n '__oxtables_loaded m match tcp' -l source-port -x -d 'source port or ports'
__oxtables -n '__oxtables_loaded m match tcp' -l dport -x -d 'destination port or ports'
__oxtables -n '__oxtables_loaded m match tcp' -l destination-port -x -d 'destination port or ports'
__oxtables -n '__oxtables_loaded m match tcp' -l tcp-option -x -d 'the TCP option is there'
__oxtables -n '__oxtables_loaded m match tcp' -l tcp-flags -x -d 'of the flags in MASK, exactly those in SET are set'
__oxtables -n '__oxtables_loaded m match tcp' -l syn -d 'the same as --tcp-flags FIN,SYN,RST,ACK SYN'
__oxtables -n '__oxtables_loaded m match tcpmss' -l mss -x -d 'the size that the segment\'s MSS option states'
__oxtables -n '__oxtables_loaded m match time' -l datestart -x -d 'not before'
__oxtables -n '__oxtables_loaded m match time' -l datestop -x -d 'not after'
__oxtables -n '__oxtables_loaded m match time' -l timestart -x -d 'of each day, not before'
__oxtables -n '__oxtables_loaded m match time' -l timestop -x -d 'of each day, not after'
__oxtables -n '__oxtables_loaded m match time' -l monthdays -x -d 'on these days of a month'
__oxtables -n '__oxtables_loaded m match time' -l weekdays -x -d 'on these days of a week'
__oxtables -n '__oxtables_loaded m match time' -l contiguous -d 'hours past midnight belong to the day they began on'
__oxtables -n '__oxtables_loaded m match time' -l utc -d 'in UTC, as always without --kerneltz'
__oxtables -n '__oxtables_loaded m match time' -l kerneltz -d 'in the kernel\'s time zone'
__oxtables -n '__oxtables_loaded m match time' -l localtz -d 'the old name of --kerneltz'
__oxtables -n '__oxtables_loaded m match tos' -l tos -x -d 'the byte, compared under the mask, or its old name'
__oxtables -n '__oxtables_loaded m match ttl' -l ttl-lt -x -d 'less than this'
__oxtables -n '__oxtables_loaded m match ttl' -l ttl-gt -x -d 'greater than this'
__oxtables -n '__oxtables_loaded m match ttl' -l ttl-eq -x -d 'this'
__oxtables -n '__oxtables_loaded m match ttl' -l ttl -x -d 'this'
__oxtables -n '__oxtables_loaded m match udp' -l sport -x -d 'source port or ports'
__oxtables -n '__oxtables_loaded m match udp' -l source-port -x -d 'source port or ports'
__oxtables -n '__oxtables_loaded m match udp' -l dport -x -d 'destination port or ports'
__oxtables -n '__oxtables_loaded m match udp' -l destination-port -x -d 'destination port or ports'
__oxtables -n '__oxtables_loaded j jump DNAT' -l to-destination -x -d 'the new destination'
__oxtables -n '__oxtables_loaded j jump DNAT' -l random -d 'choose ports at random'
__oxtables -n '__oxtables_loaded j jump DNAT' -l persistent -d 'give a client the same address each time'
__oxtables -n '__oxtables_loaded j jump DSCP' -l set-dscp -x -d 'the new code point, 0 to 63'
__oxtables -n '__oxtables_loaded j jump DSCP' -l set-dscp-class -x -d 'the new code point by its class'
__oxtables -n '__oxtables_loaded j jump HL' -l hl-set -x -d 'set it'
__oxtables -n '__oxtables_loaded j jump HL' -l hl-dec -x -d 'make it less'
__oxtables -n '__oxtables_loaded j jump HL' -l hl-inc -x -d 'make it greater'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-level -x -d 'how urgent the line is'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-prefix -x -d 'what the line begins with'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-tcp-sequence -d 'the TCP sequence numbers too'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-tcp-options -d 'the TCP options too'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-ip-options -d 'the IP options too'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-uid -d 'the user who owns the local socket too'
__oxtables -n '__oxtables_loaded j jump LOG' -l log-macdecode -d 'the hardware addresses taken apart'
__oxtables -n '__oxtables_loaded j jump MARK' -l set-xmark -x -d 'clear the bits of the mask, then flip those of the value'
__oxtables -n '__oxtables_loaded j jump MARK' -l set-mark -x -d 'clear the bits of the mask, then set those of the value'
__oxtables -n '__oxtables_loaded j jump MARK' -l and-mark -x -d 'keep these bits only'
__oxtables -n '__oxtables_loaded j jump MARK' -l or-mark -x -d 'set these bits'
__oxtables -n '__oxtables_loaded j jump MARK' -l xor-mark -x -d 'flip these bits'
__oxtables -n '__oxtables_loaded j jump MASQUERADE' -l to-ports -x -d 'the new source port or ports'
__oxtables -n '__oxtables_loaded j jump MASQUERADE' -l random -d 'choose ports at random'
__oxtables -n '__oxtables_loaded j jump MASQUERADE' -l random-fully -d 'choose ports fully at random'
__oxtables -n '__oxtables_loaded j jump NETMAP' -l to -x -d 'the network to map to'
__oxtables -n '__oxtables_loaded j jump NFLOG' -l nflog-group -x -d 'the netlink group'
__oxtables -n '__oxtables_loaded j jump NFLOG' -l nflog-prefix -x -d 'what the program is told about the rule'
__oxtables -n '__oxtables_loaded j jump NFLOG' -l nflog-range -x -d 'without effect; see --nflog-size'
__oxtables -n '__oxtables_loaded j jump NFLOG' -l nflog-size -x -d 'how many bytes of the packet are sent'
__oxtables -n '__oxtables_loaded j jump NFLOG' -l nflog-threshold -x -d 'how many packets are sent at once'
__oxtables -n '__oxtables_loaded j jump NFQUEUE' -l queue-num -x -d 'the queue'
__oxtables -n '__oxtables_loaded j jump NFQUEUE' -l queue-balance -x -d 'the queues that connections are spread over'
__oxtables -n '__oxtables_loaded j jump NFQUEUE' -l queue-bypass -d 'accept when no program listens'
__oxtables -n '__oxtables_loaded j jump NFQUEUE' -l queue-cpu-fanout -d 'choose the queue by the processor'
__oxtables -n '__oxtables_loaded j jump REDIRECT' -l to-ports -x -d 'the new destination port or ports'
__oxtables -n '__oxtables_loaded j jump REDIRECT' -l random -d 'choose ports at random'
__oxtables -n '__oxtables_loaded j jump REJECT' -l reject-with -x -d 'what the sender is told'
__oxtables -n '__oxtables_loaded j jump SNAT' -l to-source -x -d 'the new source'
__oxtables -n '__oxtables_loaded j jump SNAT' -l random -d 'choose ports at random'
__oxtables -n '__oxtables_loaded j jump SNAT' -l random-fully -d 'choose ports fully at random'
__oxtables -n '__oxtables_loaded j jump SNAT' -l persistent -d 'give a client the same address each time'
__oxtables -n '__oxtables_loaded j jump TCPMSS' -l set-mss -x -d 'the size, unless a smaller one is offered'
__oxtables -n '__oxtables_loaded j jump TCPMSS' -l clamp-mss-to-pmtu -d 'what the path carries, less the IP and TCP headers'
__oxtables -n '__oxtables_loaded j jump TOS' -l set-tos -x -d 'clear the bits of the mask, then flip those of the value'
__oxtables -n '__oxtables_loaded j jump TOS' -l and-tos -x -d 'keep these bits only'
__oxtables -n '__oxtables_loaded j jump TOS' -l or-tos -x -d 'set these bits'
__oxtables -n '__oxtables_loaded j jump TOS' -l xor-tos -x -d 'flip these bits'
__oxtables -n '__oxtables_loaded j jump TTL' -l ttl-set -x -d 'set it'
__oxtables -n '__oxtables_loaded j jump TTL' -l ttl-dec -x -d 'make it less'
__oxtables -n '__oxtables_loaded j jump TTL' -l ttl-inc -x -d 'make it greater'
