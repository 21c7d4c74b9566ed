export const REGISTRY_HELP = `Usage: gantry registry COMMAND

A registry of your own: docker push, docker pull and every OCI client work with it.

Commands
  serve    Run the registry
  gc       Free what no manifest names, while the registry goes on
  user     People who may log in
  team     Rights that several users share
  robot    Tokens for machines, with an end
  policy   Rules for who may do what where, and which tags stay
`;

const ALL = `      --root DIRECTORY      of the registry (default /var/lib/gantry-registry); a daemon's: DATA-ROOT/registry
      --format json         one JSON object a line instead of a table
  -h, --help                print this and exit
`;

const RIGHTS = `      --repository GLOB     what the rights are for; repeatable: team/* is one part of a name, ** all
      --actions LIST        some of pull,push,delete,catalog, or none
`;

export const USER_HELP = `Usage: gantry registry user add|set|passwd|disable|enable|rm|ls [OPTIONS] [NAME]

Users of the registry below --root, also while it runs: changes count at once. Without users, robots and rules the registry is open
to everybody.

  add       asks for the password; rights are pull,push of **, or those of its teams where --team is given
  set       changes the rights; passwd the password. Both leave the rest
  disable   bars the user, and the tokens that it has, until enable

${RIGHTS}      --team NAME           add: the user becomes a member; repeatable
      --password-stdin      add and passwd: read the password from standard input instead of asking
${ALL}`;

export const TEAM_HELP = `Usage: gantry registry team add|set|rm|ls [OPTIONS] [NAME]

A team's rights are those of each member. A new team has pull,push of NAME/** unless told.

${RIGHTS}      --member USER         add: a member; repeatable
      --join USER, --leave USER
                            set: who comes and goes; repeatable
${ALL}`;

export const ROBOT_HELP = `Usage: gantry registry robot add|rm|ls [OPTIONS] [NAME]

A robot is a name and a token for a machine: docker login -u NAME with the token as the password. The token is shown once, by add;
rm revokes it at once.

${RIGHTS}                            (add needs --repository; default actions: pull)
      --expires TIME        30d, 12h or never (default 90d)
      --description TEXT    for ls
${ALL}`;

export const POLICY_HELP = `Usage: gantry registry policy add NAME (--allow LIST | --deny LIST | --immutable TAGS) [OPTIONS]
       gantry registry policy rm NAME | ls | export | apply FILE
       gantry registry policy test USER ACTION REPOSITORY[:TAG]

Rules beside the rights of users, teams and robots. What a rule denies stays denied whatever else allows it. An immutable tag, once
pushed, neither moves nor goes. apply replaces all rules by those of a file (YAML or JSON, - for standard input), as export writes it.
test says what would be decided, and by what; its exit code is 0 for yes, 1 for no.

      --allow LIST, --deny LIST
                            some of pull,push,delete,catalog
      --immutable TAGS      pattern of tags: 'v*'; repeatable
      --who LIST            user:NAME, team:NAME, robot:NAME, anonymous, authenticated, everybody
      --repository GLOB     repeatable: team/* is one part of a name, ** all
${ALL}`;

export const SERVE_HELP = `Usage: gantry registry serve [OPTIONS]

Runs a registry (OCI distribution 1.1 and Docker's v2) until SIGTERM. Without --tls-cert it speaks plain HTTP, on loopback only.

Where it listens
      --listen ADDRESS:PORT     default 127.0.0.1:5000
      --tls-cert FILE           certificate, with those that lead to its authority (PEM)
      --tls-key FILE            its key (PEM)
                                SIGHUP reads both anew
      --insecure                allow plain HTTP on other addresses than loopback: a proxy in front ends TLS
      --public-url URL          how clients reach it, where a proxy does not pass Host and X-Forwarded-Proto on

Whom it lets in (gantry registry user, team, robot, policy)
      --auth token|basic        what it asks clients for (default token: Docker's token flow); it takes both
      --token-life TIME         that a token opens what it was issued for (default 5m)

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
      --format json             the report as one JSON object
      --keep-untagged TIME, --gc-lease TIME, --keep-uploads TIME
                                as for serve; only where no registry runs
  -h, --help                    print this and exit
`;
