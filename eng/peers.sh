# Sourced by ./test, which sets $results: installs the peers that tests are run against.

PATH=$PATH:/usr/sbin:/sbin # which su leaves out, and where ip, tc and ethtool are; for the tests, too

# Debian's package for each: what must be there, then the package that brings it.
readonly peers=(
  ip=iproute2 ping=iputils-ping tcpdump=tcpdump tshark=tshark ethtool=ethtool iperf3=iperf3 sysctl=procps unshare=util-linux openssl=openssl
  ovs-ofctl=openvswitch-common ovs-testcontroller=openvswitch-testcontroller ovs-vswitchd=openvswitch-switch scapy=python3-scapy jsonschema=python3-jsonschema
  yaml=python3-yaml)

# And for ./test --all.
readonly large_peers=(
  mn=mininet dpdk-testpmd=dpdk-dev librte_net_virtio=librte-net-virtio23
  /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk=openvswitch-switch-dpdk # the plain one stays what ovs-vswitchd means
  librte_net_pcap=librte-net-pcap23 librte_net_null=librte-net-null23 librte_mempool_ring=librte-mempool-ring23
  mandoc=mandoc lexgrog=man-db lintian=lintian debootstrap=debootstrap
  qemu-system-x86_64=qemu-system-x86 busybox=busybox-static guest-kernel=linux-image-cloud-amd64
  promtool=prometheus chromium=chromium chromedriver=chromium-driver)

# These packages start a service of their name, at once and at every boot. The suite starts its own.
readonly services=(openvswitch-testcontroller openvswitch-switch prometheus)

# Debian asks it before it starts a service it installed: 101 forbids.
readonly policy=${policy:-/usr/sbin/policy-rc.d} kept_policy=${policy:-/usr/sbin/policy-rc.d}.softswitch-test

# missing_packages PEER...
missing_packages() {
  local peer
  for peer in "$@"; do
    case ${peer%%=*} in
      scapy | jsonschema | yaml) /usr/bin/python3 -c "import ${peer%%=*}" 2>/dev/null || echo "${peer#*=}" ;;
      librte_*) compgen -G "/usr/lib/*/${peer%%=*}.so*" >/dev/null || echo "${peer#*=}" ;;
      # Whichever package it is of. Drivers are modules, or built in.
      guest-kernel) compgen -G '/boot/vmlinuz-*' >/dev/null && grep -qs '/virtio_net\.ko' /lib/modules/*/modules.{order,builtin} || echo "${peer#*=}" ;;
      *) command -v "${peer%%=*}" >/dev/null || echo "${peer#*=}" ;;
    esac
  done
}

# Whatever the administrator's policy says, nothing starts. It is put back at the end; after a kill, by the next run.
forbid_services() {
  trap allow_services EXIT
  [[ ! -e $policy ]] || mv "$policy" "$kept_policy"
  printf '#!/bin/sh\n# of ./test, process %s\nexit 101\n' $BASHPID >"$policy" && chmod +x "$policy"
}

clean_up_after_kill() {
  local owner
  owner=$(sed -n 's/^# of .\/test, process //p' "$policy" 2>/dev/null)
  [[ -z $owner || -e /proc/$owner ]] || allow_services
}

allow_services() {
  trap - EXIT
  rm -f "$policy"
  [[ ! -e $kept_policy ]] || mv "$kept_policy" "$policy"
}

# install_peers [all]: all are the large ones besides.
install_peers() {
  local -x INITRD=No DEBIAN_FRONTEND=noninteractive
  local packages service wanted=("${peers[@]}")
  [[ ${1:-} != all ]] || wanted+=("${large_peers[@]}")
  ((EUID != 0)) || clean_up_after_kill
  mapfile -t packages < <(missing_packages "${wanted[@]}")
  ((${#packages[@]} == 0)) && return
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "not installed, so tests that need them are skipped: ${packages[*]} (run ./test as root on Debian or Ubuntu to have them installed)"
    return
  fi
  echo "installing the peers to test against with apt-get: ${packages[*]}"
  local apt=(timeout --foreground 600 apt-get -q -o Acquire::http::Timeout=15 -o Acquire::Retries=1 -o DPkg::Lock::Timeout=60)
  {
    "${apt[@]}" update
    forbid_services
    # What an installation that was ended has left half done lets nothing else in.
    dpkg --configure -a && "${apt[@]}" install -y --no-install-recommends --fix-broken
    # Guests boot the kernel with a file system of their own: none is made for this machine to boot it, which would take a minute.
    "${apt[@]}" install -y --no-install-recommends "${packages[@]}"
    for service in "${services[@]}"; do
      [[ " ${packages[*]} " == *" $service "* ]] && update-rc.d "$service" disable
    done
    allow_services
  } >"$results/apt.log" 2>&1 </dev/null
  mapfile -t packages < <(missing_packages "${wanted[@]}")
  ((${#packages[@]} == 0)) || echo "could not be installed (see $results/apt.log), so tests that need them are skipped: ${packages[*]}"
}
