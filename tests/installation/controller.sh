#!/usr/bin/env bash
# What an administrator does on a new controller, and what the network sees of it. Everything is told in /results.
set -euxo pipefail
cd /results
here=10.141.255.254

# The `|| sleep` is a question asked again, not a guess of how long something takes.
until_true() {
    local tries=600
    until "$@"; do
        ((tries--)) || { echo "it never came to be: $*" && return 1; }
        sleep 0.1
    done
}

# A service that runs may not listen yet.
ask() {
    curl --silent --show-error --max-time 60 --retry 60 --retry-delay 1 --retry-connrefused "$@"
}

make_wire() {
    ip link set lo up
    mkdir -p /run/netns
    ip netns add client
    ip link add wire type veth peer name wire netns client
    ip -n client link set wire address 52:54:00:00:00:01
    ip address add "$here/16" dev wire
    ip link set wire up
    ip -n client link set wire up
}

make_cluster() {
    luna cluster init --frontend-address "$here"
    luna network add cluster --network 10.141.0.0/16 --dhcp 10.141.128.1-10.141.140.255
    luna osimage add compute --path /srv --distro fake
    luna group add compute --osimage compute
    luna group interface add compute BOOTIF --network cluster
    luna node add node001 --group compute --mac 52:54:00:00:00:01
    luna settings set dhcp.interfaces wire
    luna settings set dns.dnssec_validation no
    luna bmcsetup add default --password @- <<<secret
}

is_running() {
    luna serve --status -o json | python3 -c '
import json, sys
running = {one["name"] for one in json.load(sys.stdin) if one["state"] == "running"}
sys.exit(not running >= {"dhcp", "dns", "files", "lweb", "seeder"})'
}

look() {
    mkdir "$1"
    systemctl is-active "$2" >"$1/active"
    luna serve --status -o json >"$1/status" 2>"$1/problems"
    ask "http://$here:7050/boot/ipxe" >"$1/entry"
    ask "http://$here:7050/boot/discovery?booted=52:54:00:00:00:99" >"$1/menu"
    ask "tftp://$here/undionly.kpxe" | cmp - /usr/lib/ipxe/undionly.kpxe && echo same >"$1/tftp"
    echo "file $1" >"/var/lib/luna/public/$1"
    ask "http://$here:7051/$1" >"$1/file"
    # Only now is it sure that the file server's process has become nginx.
    ps -eo user:20,args >"$1/processes"
    dig "@$here" +short +tries=5 node001.cluster >"$1/dns"
    ip netns exec client udhcpc -fqn -i wire -t 40 -T 1 -s /repository/tests/installation/lease.sh >"$1/dhcp"
    cat /proc/sys/net/ipv4/tcp_mtu_probing >"$1/mtu"
    stat -c '%U %a %n' /var/lib/luna /var/lib/luna/store /var/lib/luna/store/* /etc/luna/luna.toml >"$1/modes"
}

make_wire
make_cluster
systemd-analyze verify luna.service >units 2>&1
systemctl start luna.service
until_true is_running
look whole luna.service

# The command line and the boot server change the store in turn, each as its own user.
luna node add node002 --group compute
ask "http://$here:7050/boot/discovery?booted=52:54:00:00:00:98" >>whole/menu
luna doctor -o json >findings || :
setpriv --reuid=nobody --regid=nogroup --clear-groups luna node list >outsider 2>&1 || :
# The key's reader is the boot server, and the store's after everything of root's is closed.
as_luna() { setpriv --reuid=luna --regid=luna --init-groups "$@"; }
as_luna luna node list -o json >of_luna
as_luna luna node change node002 --comment "written by luna"
luna node show node002 -o json >of_root

luna tls init
luna settings set https.port 7443
ask --cacert /var/lib/luna/tls/ca.pem "https://$here:7443/" >https
stat -c '%U %a %n' /var/lib/luna/tls/* /var/lib/luna/store/lweb.* >keys

systemctl stop luna.service
ps -eo args >left

luna services install --each
systemd-analyze verify luna.target luna@dns.service >>units 2>&1
systemctl start luna.target
until_true is_running
look each luna@dns.service
before=$(systemctl show --value -p MainPID luna@lweb.service)
systemctl restart luna@dns.service
until_true is_running
[[ $(systemctl show --value -p MainPID luna@lweb.service) == "$before" ]] && echo same >each/lweb
systemctl start luna.service
systemctl is-active luna@dns.service >each/beside || :
systemctl stop luna.service
echo whole >end
