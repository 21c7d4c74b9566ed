export const DAEMON_HELP = `Usage: gantryd [OPTIONS]

Runs containers on this host and serves the Docker Engine API. Containers go on when it stops.

Where it listens
  -H, --host ADDRESS            unix:///path or tcp://address:port; repeatable (default unix:///run/gantry/gantry.sock)
  -G, --group GROUP             group that may use the unix socket (default docker, if there is one)
      --tlsverify               serve tcp with TLS and ask clients for a certificate
      --tlscacert FILE          authority that signs clients' certificates (default /etc/gantry/tls/ca.pem)
      --tlscert FILE            the daemon's certificate (default /etc/gantry/tls/cert.pem)
      --tlskey FILE             its key (default /etc/gantry/tls/key.pem)
      --tls=false               allow tcp without TLS, on loopback only

Where it keeps things
      --data-root DIRECTORY     images, containers, volumes (default /var/lib/gantry)
      --exec-root DIRECTORY     sockets, namespaces, run-time state (default /run/gantry)
      --disk-budget SIZE        what the data root may take: 40GiB, or 30% of its disk; above it the build cache and
                                unused images are collected by last use (default off)
  -p, --pidfile FILE            write the process id here
      --config-file FILE        JSON with the same names as dockerd's (default /etc/gantry/daemon.json)

Networks
      --bip CIDR                address of the default bridge
      --default-address-pool base=CIDR,size=BITS
                                where networks take their subnets from; repeatable
      --mtu BYTES               MTU of the default bridge (default: the uplink's)
      --expose POLICY           who may use published ports: public (everyone, the default), lan (networks that this host
                                has an address in) or host (whom the host's firewall lets in); containers may choose
                                another by the label gantry.expose, or gantry.expose.80/tcp for one port
      --dns ADDRESS             server that is asked for names of the world for containers that name none; repeatable
      --dns-search DOMAIN, --dns-opt OPTION
                                for containers that name none; repeatable
      --host-gateway-ip ADDRESS what host-gateway means in --add-host (default: the address of the default bridge)
      --ip ADDRESS              where ports are published for which nobody names an address (default: everywhere)
      --userland-proxy=false    no relay in the daemon: ports of IPv6 reach only containers that have it

Images
      --insecure-registry HOST[:PORT]
                                allow plain HTTP or an unknown certificate; repeatable
      --registry-mirror URL     ask this registry first; repeatable
      --advisories DIRECTORY    Data for scans: OSV, Debian's tracker, Alpine's database (default <data-root>/advisories)
      --scan-policy FILE        JSON: which findings keep an image from being run or pulled
      --trust-policy FILE       JSON: which repositories may be pulled, and with whose signature
      --registry ADDRESS:PORT   serve this engine's images to others, to be pulled only (default: off)
      --registry-tls-cert FILE, --registry-tls-key FILE
                                serve them with TLS
      --registry-insecure       allow plain HTTP on other addresses than loopback
      --registry-auth, --registry-token-life, --registry-public-url
                                as --auth, --token-life and --public-url of 'gantry registry serve'; users and rules by
                                'gantry registry user|team|robot|policy --root <data-root>/registry'

Containers
      --default-runtime NAME    crun or runc, or one added (default crun)
      --add-runtime NAME=PATH   another OCI runtime; repeatable
      --cgroup-parent PATH      cgroup above all containers (default /gantry)
      --log-opt KEY=VALUE       default log option of new containers; repeatable

The daemon itself
      --metrics-addr ADDRESS:PORT
                                serve /metrics for Prometheus, without TLS (default: off)
      --label KEY=VALUE         shown by info; repeatable
  -l, --log-level LEVEL         debug, info, warn, error or fatal (default info)
  -D, --debug                   the same as --log-level debug
  -v, --version                 print the version and exit
  -h, --help                    print this and exit
`;
