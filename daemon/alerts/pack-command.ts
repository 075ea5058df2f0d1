import type { Condition } from '../config/schema.ts';
import { all, any, has, is, like, none, OURS, type PackRule, rulesOn } from './pack-words.ts';

const { trip, rate, context } = rulesOn('command');

/**
 * `run` is one program by its bare name with its arguments, one blank between them; a blank within an argument is ␣. Asking
 * for the program first costs nothing; nearly all commands end there.
 */
const run = (re2: string) => like('portcullis.run', re2);
const program = (...names: readonly string[]) => is('portcullis.program', ...names);
const runs = (names: string, re2: string, ...more: readonly Condition[]) =>
  all(program(...names.split(' ')), run(re2), ...more);
/** The words of `re2` stand in the arguments, one after the other. */
const says = (names: string, ...words: readonly string[]) => runs(names, `(?i)(?: |^)(?:${words.join('|')})(?: |$)`);

/** A folder whose loss is the loss of the system, of a home or of data. */
const SYSTEM =
  'bin|boot|dev|etc|home|lib\\w*|mnt|media|opt|root|sbin|srv|sys|usr|var|data|backups?|Users|System|Library|Applications|Volumes|private';
const STORES =
  'mysql|mariadb|postgres\\w*|pgsql|mongo\\w*|redis|docker|containers?|containerd|etcd|rancher|kubelet|ceph|influxdb\\w*|elasticsearch|opensearch|cassandra|' +
  'clickhouse|neo4j|rabbitmq|kafka|zookeeper|vault|consul|minio|gitlab|gitea|grafana|prometheus|libvirt|lxd|pgbackrest|barman';
const END = '/?(?:\\*|\\.\\*|\\?\\*)?';
const ROOT =
  `(?:/|//+|/[*?\\[{]\\S*|(?:~[\\w.-]*|\\$HOME|\\$\\{HOME\\}|%USERPROFILE%|\\$env:USERPROFILE)${END}|` +
  `/(?:${SYSTEM})${END}|/(?:home|Users)/[^/ ]+${END}|/(?:mnt|media|srv|Volumes|backups?)/[^/ ]+${END}|/var/(?:lib|log|www|backups?|spool|opt)${END}|` +
  `/(?:var/(?:lib|opt)|opt|data|srv)/(?:${STORES})(?:/\\S*)?|/backups?/\\S*|` +
  `(?i:[a-z]:)[\\\\/]*(?:\\*(?:\\.\\*)?)?|(?i:[a-z]:)[\\\\/]+(?:Windows|Users|ProgramData)[\\\\/]*\\*?)`;
const DISK =
  '/dev/(?:sd|hd|vd|xvd|nvme|mmcblk|md|dm-|mapper/|disk|rdisk|nbd|zvol|zd|rbd|drbd|vg|block/|by-)\\w*\\S*|\\\\\\\\[.?]\\\\PhysicalDrive\\d+';
const RECURSIVE = ' (?:-\\w*[rR]\\w*|--r[a-z]*|-(?i:recurse|rec|r))(?: |:|$)';
const BACKUP_FILE = '\\.(?:vbk|vib|vbm|vrb|bkf|tib|tibx|wbcat)';
const DATA_FILE =
  '\\.(?:sql|dump|bak|sqlite3?|db|mdf|ldf|ibd|frm|rdb|aof|wal|qcow2|vmdk|vhdx?|vdi)(?:\\.(?:gz|xz|zst|bz2))?';
/** What the program only tells about, or does not do. */
const HELP = run('^\\S+ help(?: |$)| --(?:help|version)(?: |$)');
const DRY = run(
  ' (?:--dry-?run(?:=(?:client|server|true))?|--dryrun|--noop|--what-?if|-WhatIf|--preview|--simulate)(?: |$)',
);

/** What comes before the kinds of resources: options, and resources written as kind/name. */
const KUBECTL_DELETE =
  ' delete(?: (?:-n|-l|-f|--namespace|--context|--cluster|--user|--selector|--timeout|--grace-period) \\S+| -\\S+| [^-/ ]+/\\S+)* (?:[^ ,]+,)*';
const KUBERNETES_KINDS =
  'ns|namespaces?|projects?|pvc?|persistentvolume\\w*|crds?|customresourcedefinitions?(?:\\.\\S+)?|sts|statefulsets?(?:\\.apps)?|' +
  'volumesnapshot\\w*(?:\\.\\S+)?|clusters?\\.postgresql\\.cnpg\\.io|postgres(?:ql|cluster)\\w*|backups?(?:\\.\\S+)?|' +
  'backupstoragelocations?\\S*|schedules?\\.velero\\.io|perconaxtradb\\S*|mongodb\\S*|elasticsearch(?:es)?(?:\\.\\S+)?';

/** Branches that stand for what is in production. */
const MAIN = '(?:main|master|trunk|prod|production|release|stable)';
const PUSH = '^git(?: -[cC] \\S+| --(?:git-dir|work-tree|namespace) \\S+| -\\S+)* push\\b';

/** What is typed at a shell: by a person, by an agent, by a script. */
export const COMMAND_RULES: readonly PackRule[] = [
  trip(
    'host.rmrf',
    'A whole disk, a home, the data of a database or another folder that all depends on is being deleted.',
    'ours; data folders of databases after their documentation',
    any(
      runs('rm srm trash', RECURSIVE, run(` ["']?${ROOT}["']?(?: |$)`)),
      runs('rm', ' --no-preserve-root(?: |$)'),
      runs('rmdir rd del erase', `(?i) /s(?: |$)`, run(` ${ROOT}(?: |$)`)),
      runs('remove-item ri', `(?i) -r(?:ec\\w*)?(?: |$)`, run(` ${ROOT}(?: |$)`)),
    ),
  ),
  rate(
    'host.rmrf.here',
    'All that is in folders is being deleted.',
    OURS,
    runs('rm srm', RECURSIVE, run(' (?:\\.{1,2}/?|(?:\\.{1,2}/)*(?:\\*|\\.\\*|\\{[^}].*)|(?:\\S*/)?\\.git/?)(?: |$)')),
  ),
  trip(
    'host.find',
    'Files of a whole disk, a home or another folder that all depends on are being deleted.',
    OURS,
    runs(
      'find',
      ` (?:-delete|-exec(?:dir)? (?:\\S*/)?(?:rm|shred|unlink)|-ok\\w* rm)(?: |$)`,
      run(`^find(?: -[HLP])*(?: \\S+)*? ${ROOT} `),
      none(
        run(
          ' -(?:i?name|i?path|i?wholename|i?regex|[acm]time|[acm]min|newer\\w*|size|user|empty|inum|samefile)(?: |$)',
        ),
      ),
    ),
  ),
  rate(
    'host.find.some',
    'Files are being searched for and deleted.',
    OURS,
    runs('find', ' (?:-delete|-exec(?:dir)? (?:\\S*/)?(?:rm|shred|unlink))(?: |$)'),
  ),
  trip(
    'host.code',
    'A program is told to delete a whole disk, a home or another folder that all depends on.',
    'ours, after the libraries of Python, Node, Ruby and Perl',
    all(
      any(has('portcullis.run', 'rm'), has('portcullis.run', 'remove_')),
      run(
        `\\b(?:rmtree|rm_rf|rm_r|rmSync|rimraf|removeSync|remove_entry(?:_secure)?|remove_tree|remove_dir_all|emptyDirSync|rm)␣?\\(?␣?["'\\x60]${ROOT}["'\\x60]`,
      ),
    ),
  ),
  trip(
    'host.shred',
    'Files or disks are being written over so that they cannot be brought back.',
    'elastic/detection-rules defense_evasion_file_deletion_via_shred; other programs: ours',
    any(
      runs('shred', ` (?:-\\w*[uz]\\w*|--remove\\S*|--zero|${DISK})(?: |$)`),
      all(program('srm', 'wipe', 'scrub', 'sfill', 'sdmem', 'nwipe', 'dban'), run(' \\S'), none(HELP)),
      runs('cipher', '(?i) /w'),
      runs('sdelete sdelete64', ' '),
    ),
    { except: HELP },
  ),
  trip(
    'host.dd',
    'A disk is being written over.',
    'sigma 2953194b; other programs: ours',
    any(
      runs('dd dcfldd dc3dd', ` of=(?:${DISK})(?: |$)`),
      runs(
        'dd',
        ' if=/dev/(?:zero|null|u?random)(?: |$)',
        run(` of=(?:/\\S*${DATA_FILE}|${ROOT}|/(?:etc|boot|var/lib)/\\S+)(?: |$)`),
      ),
      all(has('portcullis.run', ' > /dev/'), run(` > (?:${DISK})(?: |$)`)),
      runs('tee', ` (?:${DISK})(?: |$)`),
      runs('cp', ` (?:${DISK})$`),
    ),
  ),
  rate(
    'host.dd.file',
    'Files are being written over with nothing.',
    'sigma 2953194b',
    runs('dd', ' if=/dev/(?:zero|null)(?: |$)', run(' of=\\S')),
  ),
  trip(
    'host.mkfs',
    'A disk is being formatted or its partitions deleted.',
    'falcosecurity/rules, Remove Bulk Data from Disk; other programs: ours',
    any(
      all(
        like('portcullis.program', '^(?:mkfs(?:\\..+)?|mke2fs|mkswap|newfs.*)$'),
        run(` (?:${DISK})(?: |$)`),
        none(run(' -n(?: |$)')),
      ),
      runs('wipefs', ' (?:-\\w*[ao]\\w*|--all|--offset\\S*)(?: |$)', none(run(' (?:-\\w*n\\w*|--no-act)(?: |$)'))),
      runs('blkdiscard', ' /dev/'),
      runs('sgdisk', ' (?:-\\w*[zZo]\\w*|--zap(?:-all)?|--clear|--delete\\S*)(?: |$)'),
      runs('parted', ' (?:mklabel|mktable|rm)(?: |$)'),
      runs('sfdisk', ' --delete(?: |$)'),
      runs('hdparm', ' --(?:security-erase\\S*|trim-sector-ranges\\S*|sanitize-\\S+)'),
      runs('nvme', ' (?:format|sanitize|delete-ns)(?: |$)'),
      runs('cryptsetup', ' (?:erase|luksErase|luksFormat|luksKillSlot|luksRemoveKey)(?: |$)'),
      runs('diskutil', '(?i) (?:erase\\w*|zeroDisk|secureErase|randomDisk|partitionDisk|apfs delete\\w*)(?: |$)'),
      runs('format format-volume', '(?i) (?:[a-z]:|-DriveLetter)'),
      runs('clear-disk initialize-disk remove-partition', ' '),
      runs('diskpart', '(?i)(?: |␣)clean'),
    ),
    { except: HELP },
  ),
  trip(
    'host.volume',
    'A logical volume, a pool, a subvolume or an array of disks is being destroyed.',
    'ours, after the documentation of LVM, ZFS, Btrfs, mdadm, Ceph and Gluster',
    any(
      runs('lvremove vgremove pvremove', ' \\S'),
      runs('lvm', ' (?:lvremove|vgremove|pvremove)(?: |$)'),
      runs('zfs', ' destroy ', none(run(' -\\w*n'))),
      runs('zpool', ' (?:destroy|labelclear)(?: |$)'),
      runs('btrfs', ' (?:sub\\w*|su) (?:delete|del|d)\\w* '),
      runs('mdadm', ' --zero-superblock(?: |$)'),
      runs('ceph', ' (?:osd (?:pool (?:delete|rm)|purge|destroy)|fs rm|mon remove|volume delete)(?: |$)|fs volume rm'),
      runs('rbd', ' (?:rm|remove|snap purge|trash purge)(?: |$)'),
      runs('rados', ' (?:rmpool|purge)(?: |$)'),
      runs('radosgw-admin', ' bucket rm(?: |$)'),
      runs('gluster', ' volume delete(?: |$)'),
      runs('multipass', ' (?:delete|purge)(?: |$)'),
      runs('virsh', ' (?:vol-delete|pool-delete|vol-wipe|undefine .*--remove-all-storage)'),
      runs('qm pct', ' destroy '),
      runs('lxc incus', ' (?:delete|storage (?:volume )?delete)(?: |$)'),
    ),
    { except: HELP },
  ),
  rate('host.truncate', 'Files are being emptied.', OURS, runs('truncate', ' (?:-s ?0|--size[= ]0)\\w?(?: |$)')),
  trip(
    'host.truncate.data',
    'The files of a database, or a backup, are being emptied.',
    OURS,
    runs(
      'truncate',
      ' (?:-s ?0|--size[= ]0)\\w?(?: |$)',
      run(` (?:\\S*${DATA_FILE}|/(?:var/lib|data)/(?:${STORES})/\\S*|/backups?/\\S*|${DISK})(?: |$)`),
    ),
  ),
  trip(
    'host.vss',
    'Windows is told to delete its shadow copies, its backups or what it recovers with.',
    'sigma c947b146; elastic/detection-rules impact_volume_shadow_copy_*, impact_deleting_backup_catalogs_with_wbadmin',
    any(
      runs('vssadmin', '(?i) (?:delete shadows|resize shadowstorage)'),
      runs('wbadmin', '(?i) delete (?:catalog|systemstatebackup|backup)|disable backup'),
      runs('wmic', '(?i) shadowcopy\\b.*delete'),
      runs('diskshadow', '(?i) delete'),
      runs('bcdedit', '(?i)recoveryenabled(?: |␣)no|bootstatuspolicy(?: |␣)ignoreallfailures'),
      runs('reagentc', '(?i) /disable'),
      runs('powershell pwsh get-wmiobject gwmi get-ciminstance', '(?i)win32_shadowcopy.*(?:delete|remove)'),
      all(program('remove-ciminstance', 'remove-wmiobject'), run('.')),
      runs('disable-computerrestore', '.'),
    ),
  ),
  trip(
    'host.backupfile',
    'Files of a backup program are being deleted.',
    'elastic/detection-rules impact_backup_file_deletion',
    runs(
      'rm del erase remove-item ri shred unlink find srm',
      `(?i)${BACKUP_FILE}(?: |␣|$|["'])`,
      none(all(program('find'), none(run(' -delete| rm ')))),
    ),
  ),
  rate(
    'host.datafile',
    'Files of databases or their copies are being deleted.',
    OURS,
    runs('rm del erase remove-item ri shred unlink srm', `(?i)${DATA_FILE}(?: |$)`),
  ),
  trip(
    'host.backup',
    'Backups are being deleted by the program that made them.',
    'ours, after the documentation of restic, Borg, Kopia, Velero, pgBackRest, WAL-G, Time Machine and others',
    any(
      runs('restic rustic', ' forget(?: |$)', none(run(' --keep-\\S'))),
      runs('restic rustic', ' forget .*--unsafe-allow-remove-all'),
      runs('restic', ' key remove(?: |$)'),
      runs(
        'borg borg1 borg2',
        ' (?:-\\S+ )*(?:delete|repo-delete|key change-passphrase)(?: |$)',
        none(run(' (?:-n|--dry-run)(?: |$)')),
      ),
      runs('kopia', ' (?:snapshot delete|repository delete|blob delete|content delete)'),
      runs(
        'velero',
        ' (?:(?:backup|schedule|backup-location|snapshot-location|restore)s? delete|delete (?:backup|schedule|backup-location)s?)(?: |$)',
      ),
      runs('pgbackrest', ' (?:stanza-delete|repo-rm)(?: |$)'),
      runs('wal-g wal-e', ' delete (?:everything|--confirm|.*FORCE)'),
      runs('barman', ' delete '),
      runs('duplicity', ' remove-all(?:-inc-of)?-but-n-full 0| remove-older-than \\S+ .*--force'),
      runs('tmutil', ' (?:delete\\w*|disable|thinlocalsnapshots|removedestination)(?: |$)'),
      runs('snapper timeshift', ' (?:delete|--delete(?:-all)?)(?: |$)'),
      runs(
        'proxmox-backup-client proxmox-backup-manager',
        ' (?:snapshot forget|forget|group forget|datastore remove)(?: |$)',
      ),
      runs('rclone', ' purge '),
      runs('etcdutl etcdctl', ' del .*(?:--prefix|--from-key)'),
      runs('portcullis', ' reset(?: |$)'),
    ),
    { except: any(HELP, DRY) },
  ),
  rate(
    'host.backup.prune',
    'Old backups are being removed.',
    OURS,
    any(
      says('restic rustic', 'forget', 'prune'),
      says('borg borg1 borg2', 'prune', 'compact'),
      says('pgbackrest', 'expire'),
      says('wal-g wal-e', 'delete'),
      says('rclone', 'delete', 'deletefile', 'rmdirs', 'sync'),
      says('duplicacy', 'prune'),
      says('rdiff-backup', '--remove-older-than'),
    ),
  ),
  trip(
    'host.db',
    'A database server is told to drop or empty a database.',
    'ours, after the documentation of PostgreSQL, MySQL, Redis, MongoDB, etcd, Consul, Vault and others',
    any(
      runs('dropdb dropuser', ' \\S'),
      runs('pg_resetwal pg_resetxlog', ' \\S'),
      runs('pg_dropcluster', ' \\S'),
      runs('mysqladmin mariadb-admin', '(?i) drop(?: |$)'),
      runs('redis-cli valkey-cli keydb-cli', '(?i)^\\S+(?: -\\S+(?: [^- ]\\S*)?)* (?:flushall|flushdb)(?: |$)'),
      runs('mongosh mongo', '(?i)dropDatabase|\\.drop␣?\\(|deleteMany␣?\\(␣?\\{␣?\\}|\\.remove␣?\\(␣?\\{␣?\\}'),
      runs('influx', ' (?:bucket delete|delete .*)'),
      runs('etcdctl', ' del .*(?:--prefix|--from-key)'),
      runs('consul', ' kv delete .*-recurse'),
      runs(
        'vault bao',
        ' (?:kv (?:destroy|metadata delete)|secrets disable|lease revoke .*-(?:prefix|force)|operator seal|operator rekey|delete )',
      ),
      runs('rabbitmqctl', ' (?:reset|force_reset|delete_vhost)(?: |$)'),
      runs('kafka-topics kafka-topics.sh', ' --delete(?: |$)'),
      runs('nodetool', ' (?:clearsnapshot|assassinate)(?: |$)'),
      runs('curator curator_cli', ' delete[-_]indices'),
      runs('bq', ' rm (?:.*-\\w*r\\w*|.*--recursive)(?: |$)'),
    ),
    { except: HELP },
  ),
  trip(
    'orm',
    'A tool of developers drops or resets a database.',
    'ours, after reported incidents with agents and the documentation of the tools',
    any(
      runs('prisma', ' (?:migrate reset|db push .*--(?:force-reset|accept-data-loss))(?: |$)'),
      runs('drizzle-kit', ' (?:push .*--force|drop)(?: |$)'),
      runs(
        'rails rake bin/rails',
        ' db:(?:drop|reset|purge|truncate_all|migrate:reset|schema:load|seed:replant)\\S*(?: |$)',
      ),
      runs('php artisan sail', '(?:^| )(?:artisan )?(?:migrate:(?:fresh|reset|refresh)|db:wipe)(?: |$)'),
      runs('supabase', ' db reset(?: |$)'),
      all(
        has('portcullis.run', 'manage.py'),
        run('manage\\.py(?: |␣)(?:flush|reset_db|sqlflush|reset_schema|migrate \\S+ zero)'),
      ),
      runs('django-admin', ' (?:flush|reset_db)(?: |$)'),
      runs('sequelize sequelize-cli', ' db:(?:drop|migrate:undo:all)(?: |$)'),
      runs('knex', ' migrate:rollback .*--all'),
      runs('typeorm typeorm-ts-node-commonjs typeorm-ts-node-esm', ' schema:drop(?: |$)'),
      runs('mikro-orm', ' (?:schema:(?:drop|fresh)|migration:fresh|database:drop)(?: |$)'),
      runs('alembic flask', ' (?:db )?downgrade base(?: |$)'),
      runs('flyway', ' clean(?: |$)'),
      runs('liquibase', '(?i) (?:drop-?all)(?: |$)'),
      runs('console bin/console php', ' doctrine:(?:database:drop|schema:drop)(?: |$)'),
      runs('mix', ' ecto\\.(?:drop|reset)(?: |$)'),
      runs('atlas', ' schema clean(?: |$)'),
      runs('goose', ' (?:reset|down-to 0)(?: |$)'),
      runs('migrate', ' (?:drop|down -all)(?: |$)'),
      runs('dbmate', ' (?:drop|down --all)(?: |$)'),
      runs('diesel sqlx sea-orm-cli', ' (?:database (?:reset|drop)|migrate (?:reset|fresh))(?: |$)'),
      runs('dotnet dotnet-ef', ' (?:ef )?database drop(?: |$)'),
      runs('wp', ' (?:db (?:drop|reset|clean)|site empty|site delete)(?: |$)'),
      runs('drush', ' (?:sql[-:]drop|site[-:]install)(?: |$)'),
    ),
    { except: HELP },
  ),
  rate(
    'host.script',
    'Scripts of a project are being run that by their name drop, reset or wipe something.',
    OURS,
    runs(
      'npm pnpm yarn bun make just task composer',
      '(?i) (?:run )?\\S*(?:drop|reset|wipe|nuke|destroy|purge|teardown)\\S*(?: |$)',
      any(run('(?i)db|data|prod|stack|infra|all|destroy|nuke')),
    ),
  ),
  trip(
    'host.tf',
    'What infrastructure consists of is being destroyed by the program that made it.',
    'ours, after the documentation of Terraform, OpenTofu, Pulumi, AWS CDK and others',
    any(
      runs(
        'terraform tofu terragrunt pulumi cdktf',
        ' (?:destroy(?:-all)?|--?destroy|run-all destroy)(?: |=true|$)',
        none(run(' (?:plan|show|preview|validate|fmt)(?: |$)')),
      ),
      runs('pulumi', ' stack rm(?: |$)'),
      runs('terraform tofu', ' workspace delete(?: |$)'),
      runs('cdk sst', ' (?:destroy|remove)(?: |$)'),
      runs('serverless sls osls', ' remove(?: |$)'),
      runs('sam copilot amplify', ' (?:delete|app delete)(?: |$)'),
      runs('eb', ' terminate(?: |$)'),
      runs('eksctl kops', ' delete (?:cluster|nodegroup|fargateprofile|ig|instancegroup)'),
      runs('helmfile', ' (?:destroy|delete)(?: |$)'),
      runs('vagrant', ' destroy .*(?:-f|--force)'),
      runs('docker-machine', ' rm '),
    ),
    { except: HELP },
  ),
  rate(
    'host.tf.state',
    'Resources are being taken out of what Terraform knows, or marked to be made anew.',
    OURS,
    runs('terraform tofu', ' (?:state rm|taint|force-unlock|apply .*-replace)(?: |=|$)'),
  ),
  trip(
    'host.kubectl',
    'A namespace, volumes, a stateful set or all there is of Kubernetes is being deleted by a command.',
    'ours, after the documentation of Kubernetes',
    all(
      program('kubectl', 'oc', 'k', 'kubecolor', 'k3s', 'microk8s', 'minikube', 'kubectl.exe'),
      any(
        run(`${KUBECTL_DELETE}(?:${KUBERNETES_KINDS})(?:/\\S*)?(?: |,|$)`),
        run(
          ' delete(?: .*)?(?: all .*--all(?: |=true|$)| --all(?:=true)? (?:.* )?all(?: |$)| -A(?: |$)| --all-namespaces(?: |$))',
        ),
        run(' delete(?: .*)? --raw[ =]\\S*/(?:namespaces/[^/]+|persistentvolume\\w*(?:/\\S*)?)$'),
      ),
    ),
    { except: any(HELP, DRY) },
  ),
  rate(
    'host.kubectl.some',
    'Resources of Kubernetes are being deleted by commands.',
    'ours, after the documentation of Kubernetes and Helm',
    any(
      runs('kubectl oc k kubecolor k3s microk8s', ' (?:delete|replace .*--force|drain) ?'),
      runs('kubectl oc k', ' scale .*--replicas[= ]0(?: |$)'),
      runs('kubectl oc k', ' patch .*finalizers'),
      says('helm', 'uninstall', 'delete', 'del', 'un'),
      runs('argocd', ' app delete(?: |$)'),
      runs('flux', ' (?:delete|uninstall)(?: |$)'),
      runs('nomad', ' job stop .*-purge'),
    ),
    { except: any(HELP, DRY) },
  ),
  trip(
    'host.docker',
    'Volumes of containers, in which databases keep their data, are being deleted.',
    'ours, after the documentation of Docker and Podman',
    any(
      runs('docker podman nerdctl', ' volume (?:rm|remove) '),
      runs('docker podman nerdctl', ' volume prune .*(?:-a|--all)'),
      runs('docker podman nerdctl', ' system (?:prune .*--volumes|reset)'),
      runs(
        'docker podman nerdctl docker-compose podman-compose',
        '(?:^| )(?:docker-compose|podman-compose|compose)(?: \\S+)*? (?:down|rm)(?: \\S+)* (?:-\\w*v\\w*|--volumes)(?: |$)',
      ),
      runs('docker', ' (?:stack rm|swarm leave .*--force)'),
    ),
    { except: HELP },
  ),
  rate(
    'host.docker.some',
    'Containers or what they leave are being deleted.',
    OURS,
    any(
      runs('docker podman nerdctl', ' (?:volume prune|system prune|rm .*-\\w*[vf]|container prune|image prune .*-a)'),
      runs('docker docker-compose', ' down(?: |$)'),
    ),
  ),
  trip(
    'host.git.main',
    'The main branch of a repository is being written over or deleted at its host.',
    'ours, after the documentation of Git',
    any(
      runs(
        'git',
        PUSH,
        run(` (?:-\\w*f\\w*|--force(?:-with-lease\\S*|-if-includes)?|--delete|-\\w*d\\w*)(?: |$)`),
        run(`(?: |:|refs/heads/)${MAIN}(?: |$)`),
      ),
      runs('git', PUSH, run(` (?:\\+\\S*?[:/]?|:(?:refs/heads/)?|\\+(?:\\S+:)?(?:refs/heads/)?)${MAIN}(?: |$)`)),
      runs('gh', ' repo (?:delete|archive) ?'),
      runs('glab', ' (?:repo|project) delete(?: |$)'),
    ),
    { except: any(HELP, DRY) },
  ),
  rate(
    'host.git',
    'Branches are being written over or deleted at the host of a repository.',
    'ours, after the documentation of Git',
    any(
      runs('git', PUSH, run(' (?:-\\w*[fd]\\w*|--force\\S*|--mirror|--delete|--prune|\\+\\S+|:\\S+)(?: |$)')),
      runs('gh', ' (?:release|secret|variable|cache|run) delete(?: |$)'),
    ),
  ),
  context(
    'host.git.history',
    'What a repository remembers is being rewritten or forgotten.',
    'ours, after the documentation of Git',
    any(
      runs(
        'git',
        ' (?:filter-branch|filter-repo|reflog expire .*--expire(?:-unreachable)?=(?:now|all)|gc .*--prune=(?:now|all)|update-ref -d)(?: |$)',
      ),
      runs('git-filter-repo bfg', '.'),
      runs('git', ' (?:reset .*--hard|clean .*-\\w*f)(?: |$)?'),
    ),
  ),
  trip(
    'host.cloudcli',
    'A store of data, a backup, a key or an account in a cloud is being deleted by a command.',
    'ours, after the references of the AWS, Google Cloud and Azure command lines',
    any(
      runs(
        'aws awslocal',
        ' (?:(?:rds|docdb|neptune) delete-(?:db|global)-\\S+|ec2 (?:delete-(?:volume|snapshot)s?|deregister-image)|s3 rb .*--force|s3 rm .*--recursive|' +
          's3api (?:delete-(?:bucket|objects)(?: |$)|delete-bucket-replication)|s3api put-bucket-versioning .*Suspended|backup (?:delete|stop)-\\S+|' +
          'dynamodb delete-(?:table|backup)|efs delete-file-system|fsx delete-\\S+|eks delete-cluster|cloudformation delete-stack\\S*|' +
          'kms (?:schedule-key-deletion|disable-key|delete-imported-key-material)|logs delete-log-group|cloudtrail (?:delete-trail|stop-logging)|' +
          '(?:elasticache|redshift|redshift-serverless|memorydb|opensearch|es|timestream-write|glacier|keyspaces|dax|kafka) delete-\\S+|secretsmanager delete-secret .*--force-delete\\S*|' +
          'ecr delete-repository|organizations (?:close-account|leave-organization|delete-organization)|account close-account|' +
          'lightsail delete-(?:relational-database|disk|bucket|instance)\\S*|events (?:delete-rule|disable-rule|remove-targets)|guardduty delete-detector|dlm delete-\\S+)(?: |$)?',
      ),
      runs('aws', ' s3 sync .*--delete(?: |$)', run(' s3 sync (?:/dev/null|/tmp/\\S*|\\S*empty\\S*) ')),
      runs('gcloud', ' (?:delete|destroy)(?: |$)', run(' (?:--quiet|-q)(?: |$)')),
      runs(
        'gcloud',
        ' (?:sql (?:instances|databases|backups)|compute (?:disks|snapshots|images|machine-images)|container clusters|projects|storage (?:buckets|folders)|spanner (?:instances|databases|backups)|' +
          'bigtable (?:instances|clusters|backups)\\S*|firestore (?:databases|backups)\\S*|filestore (?:instances|backups)|redis instances|alloydb (?:clusters|instances|backups)|' +
          'logging (?:sinks|buckets|logs)|kms keys versions|resource-manager folders|backup-dr \\S+|app services|artifacts repositories|secrets)(?: \\S+)*? (?:delete|destroy)(?: |$)',
      ),
      runs('gcloud', ' storage rm .*(?:-r|--recursive|--all-versions)(?: |$)'),
      runs('gsutil', ' (?:rb |rm .*-\\w*[ra])'),
      runs('mc mcli', ' (?:rb .*--force|rm .*(?:--recursive|-\\w*r\\w*)|admin bucket remote rm|ilm rule remove)'),
      runs('s3cmd', ' (?:rb |del .*(?:-r|--recursive)|rm .*(?:-r|--recursive))'),
      runs('s5cmd', ' (?:rb |rm \\S*\\*)'),
      runs('b2', ' (?:delete-bucket|bucket delete|rm .*(?:-r|--recursive))'),
      runs(
        'az',
        ' (?:group|sql (?:server|db|mi)|storage (?:account|container|share|blob)|disk|snapshot|keyvault(?: key| secret)?|cosmosdb(?: \\S+)*?|postgres(?: \\S+)*?|mysql(?: \\S+)*?|aks|acr|redis|' +
          'backup (?:vault|policy|protection|container)|dataprotection \\S+|lock|resource|monitor (?:action-group|diagnostic-settings|log-analytics workspace)|restore-point(?: collection)?|netappfiles \\S+) (?:delete|delete-batch|purge|disable .*--delete-backup-data)(?: |$)',
      ),
      runs('azcopy', ' (?:remove|rm) .*--recursive'),
      runs(
        'oci ibmcloud aliyun scw',
        ' (?:delete|terminate|destroy|rm)(?: |$)',
        run(
          '(?:^| )(?:db|database|volume|boot-volume|bucket|os|cluster|compartment|rdb|block|snapshot|vault|resource)\\S*(?: |$)',
        ),
      ),
    ),
    { except: any(HELP, DRY) },
  ),
  rate(
    'host.cloudcli.some',
    'Resources in a cloud are being deleted by commands.',
    'ours, after the references of the AWS, Google Cloud and Azure command lines',
    any(
      runs(
        'aws',
        ' (?:ec2 terminate-instances|s3 (?:rb|rm) |s3 (?:sync|mv) .*--delete|s3api (?:delete-object |put-bucket-lifecycle)|\\S+ (?:delete|terminate|deregister|purge)-\\S+)',
      ),
      runs('gcloud gsutil az', ' (?:delete|rm|purge|destroy)(?: |$)'),
    ),
    { except: any(HELP, DRY) },
  ),
  trip(
    'host.paas',
    'A database, a volume, a project or an application of a platform is being deleted by a command.',
    'ours, after the references of the command lines of the platforms; the incident of 25 April 2026',
    any(
      runs('railway', ' (?:volume (?:delete|detach)|environment delete|delete|project delete|service delete)(?: |$)'),
      runs('supabase', ' (?:projects delete|branches (?:delete|reset)|storage rm .*-r\\w*)(?: |$)'),
      runs('neonctl neon', ' (?:projects?|branch(?:es)?|databases?|snapshots?) (?:delete|reset|restore)(?: |$)'),
      runs(
        'vercel vc',
        ' (?:(?:project|projects|blob|blob store|store|postgres|kv|integration-resource) (?:rm|remove|del|delete)\\S*)(?: |$)|^\\S+(?: -\\S+)* (?:remove|rm) \\S',
      ),
      runs('netlify ntl', ' (?:sites:delete|blobs:delete|db delete)(?: |$)'),
      runs(
        'heroku',
        ' (?:apps:destroy|apps:delete|destroy|pg:reset|pg:backups:delete|addons:destroy|redis:reset|pg:unfollow|pg:detach)(?: |$)',
      ),
      runs(
        'fly flyctl',
        ' (?:apps? (?:destroy|delete)|destroy|volumes? (?:destroy|delete|rm)|(?:vol|v) (?:destroy|delete|rm)|(?:postgres|pg|mpg) (?:destroy|detach)|redis destroy|storage destroy|machines? destroy .*--force)(?: |$)',
      ),
      runs('render', ' (?:services?|postgres|disks?|kv) delete(?: |$)'),
      runs(
        'doctl',
        ' (?:databases?|d|db|volumes?|compute (?:volume|volumes|droplet|snapshot|image)|kubernetes cluster|k8s cluster|apps?|projects?|spaces)(?: \\S+)*? (?:delete|d|del|rm)(?: |$)',
      ),
      runs(
        'linode-cli',
        ' (?:volumes|linodes|databases|obj|lke)\\S* (?:delete|\\S*-delete|cluster-delete|rb|rm)(?: |$)',
      ),
      runs('hcloud', ' (?:server|volume|image) delete(?: |$)'),
      runs(
        'vultr-cli civo',
        ' (?:database|instance|block-storage|volume|kubernetes|snapshot)\\S* (?:delete|remove|rm)(?: |$)',
      ),
      runs(
        'wrangler',
        ' (?:d1 (?:delete|execute .*drop␣)|r2 bucket delete|kv:?[ :]namespace delete|vectorize delete|hyperdrive delete|queues delete|delete)(?: |$)?',
      ),
      runs('pscale', ' (?:database|branch|backup|keyspace) (?:delete|rm)(?: |$)'),
      runs('turso', ' (?:db|group|org) destroy(?: |$)'),
      runs(
        'firebase',
        ' (?:firestore:(?:delete|databases:delete)|database:remove|projects?:delete|hosting:disable|apps:delete)(?: |$)',
      ),
      runs('upstash', ' (?:redis|vector|kafka) (?:delete|reset)(?: |$)'),
      runs(
        'atlas mongocli',
        ' (?:clusters?|projects?|backups?(?: \\S+)*?|serverless|organizations?|deployments?) (?:delete|rm)(?: |$)',
      ),
      runs('avn', ' (?:service terminate|project delete|service database-delete|service topic-delete)(?: |$)'),
      runs('confluent ccloud', ' (?:kafka (?:cluster|topic)|environment|schema-registry cluster) delete(?: |$)'),
      runs('cockroach ccluster', ' (?:cluster delete|node decommission)(?: |$)'),
      runs('convex', ' (?:import .*--replace-all|data clear)(?: |$)'),
      runs(
        'databricks',
        ' (?:catalogs|schemas|tables|volumes|clusters|metastores|workspace|fs) (?:delete|permanent-delete|rm)\\S*(?: |$)',
      ),
    ),
    { except: any(HELP, DRY) },
  ),
  context(
    'host.unsafe',
    'An agent was started without its safeguards.',
    'elastic/detection-rules defense_evasion_genai_cli_unsafe_permission_bypass',
    any(
      runs('claude', ' (?:--dangerously-skip-permissions|--permission-mode[= ]bypassPermissions)(?: |$)'),
      runs('codex', ' (?:--dangerously-bypass-approvals-and-sandbox|--full-auto|--yolo)(?: |$)'),
      runs('gemini', ' (?:--yolo|-y|--approval-mode[= ]yolo)(?: |$)'),
      runs('aider', ' --yes-always(?: |$)'),
    ),
  ),
  context(
    'host.traces',
    'Traces of what was done at a shell are being removed.',
    'falcosecurity/rules, Delete or rename shell history; Clear Log Activities',
    any(
      runs('rm shred truncate mv unlink', '\\.(?:bash|zsh|sh|ash|fish|python|psql|mysql)_history(?: |$)'),
      runs('history', ' -\\w*c'),
      runs('journalctl', ' --vacuum-\\w+[= ]'),
      runs('wevtutil', '(?i) (?:cl|clear-log) '),
      runs('clear-eventlog', '.'),
    ),
  ),
];
