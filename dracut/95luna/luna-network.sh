#!/bin/sh
# Brings the network up with ip(8) alone, from luna.mac= luna.bond= luna.vlan= luna.ip= luna.gateway=; the agent
# sources it. Everything can be done again after a failure.

# Prints the name of the network card with this MAC; bonds and VLANs, which borrow a card's, have no device.
luna_card() {
    for luna_path in /sys/class/net/*; do
        [ -e "$luna_path/device" ] || continue
        read -r luna_address < "$luna_path/address"
        [ "$luna_address" != "$1" ] || { echo "${luna_path##*/}" && return; }
    done
    luna_log "no network card has the address $1; is its driver in the image? There are: $(echo /sys/class/net/*)"
    return 1
}

# Prints the commands for ip(8) that make a bond of MODE:MAC,MAC...
luna_bond_commands() {
    echo "link add bond0 address $LUNA_MAC type bond mode ${1%%:*} miimon 100"
    for luna_mac in $(echo "${1#*:}" | tr ',A-F' ' a-f'); do
        luna_name=$(luna_card "$luna_mac") || return 1
        echo "link set $luna_name down"
        echo "link set $luna_name master bond0"
        echo "link set $luna_name up"
    done
}

# Prints the commands that give LUNA_INTERFACE its addresses and gateways, of either family.
luna_address_commands() {
    for luna_address in $(getargs luna.ip=); do
        case $luna_address in
            dhcp) ;;
            *:*) echo "addr replace $luna_address dev $LUNA_INTERFACE nodad" ;;
            *) echo "addr replace $luna_address brd + dev $LUNA_INTERFACE" ;;
        esac
    done
    for luna_address in $(getargs luna.gateway=); do
        # onlink: a gateway outside of the node's own network is usual where addresses are /32 or /128.
        echo "route replace default via $luna_address dev $LUNA_INTERFACE onlink"
    done
}

luna_network_commands() {
    echo "link set lo up"
    if luna_bond=$(getarg luna.bond=); then
        luna_bond_commands "$luna_bond" || return 1
    fi
    echo "link set $1 up"
    if luna_vlan=$(getarg luna.vlan=); then
        echo "link add link $1 name $LUNA_INTERFACE type vlan id $luna_vlan"
        echo "link set $LUNA_INTERFACE up"
    fi
    luna_address_commands
}

# A switch without fast spanning tree takes up to 50 s to let frames through.
luna_wait_for_carrier() {
    luna_tries=0
    while [ "$luna_tries" -lt 300 ]; do
        read -r luna_carrier 2> /dev/null < "/sys/class/net/$LUNA_INTERFACE/carrier" || luna_carrier=0
        [ "$luna_carrier" = 0 ] || return 0
        luna_tries=$((luna_tries + 1))
        sleep 0.2
    done
    luna_log "$LUNA_INTERFACE has no link"
    return 1
}

luna_dhcp() {
    command -v busybox > /dev/null || { luna_log "luna.ip=dhcp needs busybox in the image" && return 1; }
    LUNA_AGENT=1 busybox udhcpc -i "$LUNA_INTERFACE" -s /usr/lib/luna/luna-udhcpc.sh -n -t 20 -T 2
}

# The node's own system calls this card boot0 too. It could not rename a card that is up, as luna leaves it.
luna_rename() {
    [ "$1" = boot0 ] || { ip link set "$1" down && ip link set "$1" name boot0; }
}

# What this node sends gets through where large frames vanish on the way (tcp_mtu_probing in tcp(7)).
luna_probe_mtu() {
    echo 1 > /proc/sys/net/ipv4/tcp_mtu_probing || :
}

# Tells if another machine has this node's address. It only tells: a router that answers for everybody (proxy ARP) must
# not keep a cluster from booting.
luna_seek_conflict() {
    for luna_address in $(getargs luna.ip=); do
        [ "$luna_address" != dhcp ] || continue
        # shellcheck disable=SC2016 # this is for the other shell
        LUNA_AGENT=1 sh -c '. "$LUNA_LIB"
            luna-python -m luna_core.node.conflict "$1" "$2" > "$3" && exit
            [ -s "$3" ] || exit
            luna_log "$(cat "$3")"
            luna_report network "done" "" "$3"' \
            sh "$LUNA_INTERFACE" "$luna_address" "/run/luna/conflict-${luna_address%/*}" &
    done
}

# Sets LUNA_INTERFACE, the interface that holds the node's address.
luna_network() {
    LUNA_MAC=$(getarg luna.mac= | tr 'A-F' 'a-f')
    if getarg luna.bond= > /dev/null; then
        ip link delete bond0 2> /dev/null || :
        luna_base=bond0
    else
        luna_base=$(luna_card "$LUNA_MAC") || return 1
        luna_rename "$luna_base" || return 1
        luna_base=boot0
    fi
    LUNA_INTERFACE=$luna_base
    if luna_vlan=$(getarg luna.vlan=); then
        LUNA_INTERFACE=luna.$luna_vlan
        ip link delete "$LUNA_INTERFACE" 2> /dev/null || :
    fi
    luna_probe_mtu
    luna_network_commands "$luna_base" > /run/luna/network || return 1
    ip -batch /run/luna/network && luna_wait_for_carrier || return 1
    case " $(getargs luna.ip= | tr '\n' ' ') " in *' dhcp '*) luna_dhcp || return 1 ;; esac
    luna_log "network is up: $(ip -brief address show dev "$LUNA_INTERFACE")"
}
