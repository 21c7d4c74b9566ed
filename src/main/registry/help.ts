export const REGISTRY_HELP = `Usage: gantry registry COMMAND

A registry of your own: docker push, docker pull and every OCI client work with it.

Commands
  serve   Run the registry
  gc      Free what no manifest names, while the registry goes on
  user    Say who may pull and push
`;

export const USER_HELP = `Usage: gantry registry user add|rm|ls|passwd [OPTIONS] [NAME]

Users of the registry below --root, also while it runs. Without any user the registry is open to everybody.

      --root DIRECTORY      of the registry (default /var/lib/gantry-registry)
      --password-stdin      read the password of add and passwd from standard input
      --repository GLOB     add: what the rights are for; repeatable: team/* is one part of a name, ** (default) all
      --actions LIST        add: some of pull,push,delete,catalog (default pull,push)
      --format json         ls: one JSON object a line
  -h, --help                print this and exit
`;

export const SERVE_HELP = `Usage: gantry registry serve [OPTIONS]

Runs a registry (OCI distribution 1.1 and Docker's v2) until SIGTERM. Without --tls-cert it speaks plain HTTP, on loopback only.

Where it listens
      --listen ADDRESS:PORT     default 127.0.0.1:5000
      --tls-cert FILE           certificate, with those that lead to its authority (PEM)
      --tls-key FILE            its key (PEM)
      --insecure                allow plain HTTP on other addresses than loopback: a proxy in front ends TLS

What it keeps
      --root DIRECTORY          blobs and state (default /var/lib/gantry-registry)
      --allow-delete            let clients delete manifests, tags and blobs
      --quota [NAME=]SIZE       bytes at most; repeatable. 100GiB: all together; repository=5GiB: each repository;
                                team/=50GiB: all below team/; team/app=2GiB: this repository

What it frees
      --gc-interval TIME        between collections, or never (default 1h)
      --gc-lease TIME           what a push was told of stays so long without a manifest (default 1h)
      --keep-uploads TIME       uploads that nobody goes on with (default 24h)
      --keep-untagged TIME      manifests without a tag, or always (default always)

Whom it tells
      --webhook URL             POST of JSON for each push and deletion; repeatable. Secrets go into the file
      --log-level LEVEL         debug, info (one line a request), warn, error (default info)

      --config FILE             JSON with the names above without dashes in front; a webhook may be
                                {"url": …, "secret": …, "secret-file": …, "actions": ["push", "delete"]}
  -h, --help                    print this and exit

/healthz says whether it runs, /metrics has figures for Prometheus.
`;

export const GC_HELP = `Usage: gantry registry gc [OPTIONS]

Frees blobs that no manifest names, abandoned uploads, and untagged manifests where the registry is told so. Asks the registry that
runs on this root; where none runs, does it itself.

      --root DIRECTORY          default /var/lib/gantry-registry
      --dry-run                 only tell what would go
      --keep-untagged TIME, --gc-lease TIME, --keep-uploads TIME
                                as for serve; only where no registry runs
  -h, --help                    print this and exit
`;
