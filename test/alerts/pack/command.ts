import type { Fixtures } from './fixtures.ts';

/** One command a line; `⏎` is a line end in it, so that here-documents fit in a line. */
const typed = (lines: string): readonly unknown[] =>
  lines
    .split('\n')
    .map((line) => line.trim().replaceAll('⏎', '\n'))
    .filter((line) => line !== '')
    .map((command) => ({ tool_name: 'Bash', tool_input: { command } }));
const commands = (trips: string, passes: string, more: readonly unknown[] = []) => ({
  trips: [...typed(trips), ...more],
  passes: typed(passes),
});

export const COMMAND: Fixtures = {
  'host.rmrf': commands(
    String.raw`
      rm -rf /
      rm -r -f /
      rm -Rf ~/
      rm --recursive --force ~
      rm -rf -- /
      rm -rfv --one-file-system /
      rm --no-preserve-root -r x
      sudo rm -rf /*
      sudo -n rm -rf /
      sudo -u git rm -rf /
      rm -fr "$HOME"
      rm -rf "${'$'}{HOME}"/*
      rm -rf ~root
      /bin/rm -rf /
      \rm -rf /
      r\m -rf /
      'rm' -rf "/"
      rm -r""f /
      ${'rm\t-rf\t/'}
      rm \⏎ -rf \⏎ /
      rm${'$'}{IFS}-rf${'$'}{IFS}/
      {rm,-rf,/}
      $'\x72m' -rf /
      rm -rf /{etc,var}
      rm -rf /home
      rm -rf /home/me
      rm -rf /var/lib/postgresql/16/main
      rm -rf /data
      rm -rf /backup/2026
      rm -rf /tmp/../
      rm -rf /./
      rm -rf //
      rm -rf /  # clean
      cd / && rm -rf *
      cd /data; rm -rf ./*
      D=/; rm -rf $D
      rm -rf ${'$'}{UNSET:-/}
      rm -rf C:\
      Remove-Item -Recurse -Force C:\Users
      rd /s /q C:\
      bash -c 'rm -rf ~'
      bash -c rm -rf /
      "C:\Windows\System32\cmd.exe" /c "rd /s /q C:\Users"
      powershell -Command "Remove-Item -Recurse -Force C:\*"
      eval "rm -rf /"
      command rm -rf /
      nohup rm -rf / &
      timeout 10 rm -rf /
      env X=1 rm -rf /
      X=1 rm -rf /
      echo rm -rf / | sh
      xargs rm -rf <<< /
      echo / | xargs rm -rf
      bash <<'X'⏎rm -rf /⏎X
      ssh db1 'sudo rm -rf /var/lib/mysql'
      ssh host -- rm -rf /data
      docker run -v /:/mnt alpine rm -rf /mnt
      kubectl exec db-0 -- rm -rf /var/lib/postgresql/data
      while true; do rm -rf /; done
      if [ -d / ]; then sudo rm -rf /; fi
      f() { rm -rf /; }; f
      (cd /; rm -rf *)
      time (rm -rf /)
      echo $(rm -rf /)
      echo "$(rm -rf /)"
      X=${'`rm -rf ~`'}
      trap 'rm -rf /' EXIT
      tmux new-session -d "rm -rf /"
      python3 -c "import os; os.system('rm -rf /')"
      python -c "subprocess.run(['rm','-rf','/'])"
      perl -e 'unlink glob "/x"; system("rm","-rf","/")'
      python3 - <<'PY'⏎import os⏎os.system("rm -rf /")⏎PY
    `,
    `
      rm -rf node_modules
      rm -rf /tmp/build
      rm -rf /tmp/*
      rm -rf ./dist build *.egg-info
      rm -rf /home/me/project/node_modules
      rm -rf ~/.cache/pip
      rm -rf /var/lib/apt/lists/*
      rm -rf /var/cache/apt/archives/*
      rm -rf "$BUILD_DIR/out"
      rm -rf /opt/app/build
      rm -rf /data/cache/x
      rm -f /
      rm /tmp/x
      grep -rn "rm -rf /" scripts
      echo "rm -rf /"
      man rm
      git commit -m "rm -rf /"
      claude -p "please rm -rf /"
      timeout 5 echo rm -rf /
      cat > x.sh <<'X'⏎rm -rf /⏎X
      # rm -rf /
      ls -la / | grep -rf patterns
    `,
    [
      { command: ['rm', '-rf', '/'] },
      { command: 'rm', args: ['-rf', '/'] },
      { process: { command_line: 'rm -rf /' } },
      { rule: 'x', priority: 'Warning', output: 'x', output_fields: { 'proc.cmdline': 'rm -rf /' } },
    ],
  ),
  'host.rmrf.here': commands(
    'rm -rf *\nrm -rf ./*\nrm -rf .git\nrm -rf ../*',
    'rm -rf dist/*\nfind . -name x -exec rm -rf {} +\nrm *.o\nrm -rf .gitignore',
  ),
  'host.find': commands(
    String.raw`
      find / -delete
      find ~ -exec rm -rf {} \;
      find /home -mindepth 1 -delete
      find / -type f -exec rm -f {} +
      find / -type f -print0 | xargs -0 rm -f
      cd / && find . -delete
    `,
    `
      find . -name '*.pyc' -delete
      find / -name x -print
      find /data -mtime +30 -delete
      find /tmp/x -delete
      find / -type f | xargs grep rm
    `,
  ),
  'host.find.some': commands(
    "find . -name '*.pyc' -delete\nfind . -exec rm {} +",
    "find . -name '*.pyc'\nfind . -exec cat {} +",
  ),
  'host.code': commands(
    `
      python3 -c 'import shutil; shutil.rmtree("/home")'
      uv run python -c "import shutil; shutil.rmtree('/')"
      node -e "require('fs').rmSync('/data',{recursive:true})"
    `,
    `
      python3 -c 'import shutil; shutil.rmtree("/tmp/x")'
      node -e "require('fs').rmSync('dist')"
    `,
  ),
  'host.shred': commands(
    'shred -u secrets.txt\nshred -vzn 3 /etc/passwd\nshred /dev/sda\nwipe -r x\nsudo shred --remove x',
    'man shred\nshred --help\nwhich shred\ngrep -u shred x',
  ),
  'host.dd': commands(
    'dd if=/dev/zero of=/dev/sda bs=1M\ndd of=/dev/nvme0n1 if=x.img\ndd if=/dev/zero of=/var/lib/x/y.db\ncat /dev/zero > /dev/sda\ntee /dev/sda < /dev/zero\ncp /dev/zero /dev/sda\n: > /dev/sdb1',
    'dd if=/dev/zero of=./test.img bs=1M count=10\ndd if=/dev/sda of=backup.img\ncat x > /dev/null 2>&1\ndd if=/dev/urandom of=key.bin\nls /dev/sda',
  ),
  'host.dd.file': commands('dd if=/dev/zero of=./test.img count=10', 'dd if=/dev/sda of=backup.img'),
  'host.mkfs': commands(
    'mkfs.ext4 /dev/sda\nsudo mkfs -t ext4 /dev/nvme0n1\nmke2fs /dev/vdb1\nwipefs -a /dev/sdb\nblkdiscard /dev/sda\nsgdisk --zap-all /dev/sda\ncryptsetup luksErase /dev/sda2\nnvme format /dev/nvme0\nparted /dev/sda mklabel gpt\nformat C: /q',
    'mkfs.ext4 disk.img\nwipefs /dev/sda\nsgdisk -p /dev/sda\nparted -l\ncryptsetup status x\nman mkfs.ext4\nmkfs.ext4 --help',
  ),
  'host.volume': commands(
    'zfs destroy -r tank/data\nzpool destroy tank\nlvremove -f vg/data\nvgremove vg0\nbtrfs subvolume delete /data\nmdadm --zero-superblock /dev/sda1\nceph osd pool delete rbd rbd --yes-i-really-really-mean-it\nrbd rm pool/image',
    'zfs list\nzfs destroy -n tank/x\nzpool status\nlvs\nbtrfs subvolume list /\nceph osd pool ls',
  ),
  'host.truncate': commands('truncate -s 0 app.log\ntruncate --size=0 x', 'truncate -s 10M x'),
  'host.truncate.data': commands(
    'truncate -s 0 /var/lib/mysql/ibdata1\ntruncate -s0 dump.sql.gz',
    'truncate -s 0 app.log\ntruncate -s 1G x.db',
  ),
  'host.vss': commands(
    String.raw`
      vssadmin delete shadows /all /quiet
      C:\Windows\System32\vssadmin.exe Delete Shadows /All
      "C:\Windows\System32\vssadmin.exe" delete shadows /all
      vssadmin resize shadowstorage /for=C: /on=C: /maxsize=401MB
      wbadmin delete catalog -quiet
      wmic shadowcopy delete
      bcdedit /set {default} recoveryenabled no
      powershell -c "Get-WmiObject Win32_Shadowcopy | ForEach-Object {$_.Delete();}"
    `,
    'vssadmin list shadows\nwbadmin get versions\nbcdedit /enum',
  ),
  'host.backupfile': commands(
    String.raw`
      rm /backup/full.vbk
      del C:\b\full.VBK
      rm -f *.vib
      find /b -name '*.vbm' -delete
    `,
    'ls full.vbk\nrm full.txt\nfind /b -name "*.vbk"',
  ),
  'host.datafile': commands('rm dump.sql\nrm -f data/app.sqlite3', 'rm x.txt\nls dump.sql'),
  'host.backup': commands(
    'restic forget --prune abc123\nrestic -r s3:x forget latest --prune\nborg delete repo::x\nborg --verbose delete repo\nvelero backup delete daily\nkopia snapshot delete abc --delete\npgbackrest --stanza=main stanza-delete\ntmutil disable\nrclone purge remote:backups\nwal-g delete everything FORCE --confirm',
    'restic forget --keep-daily 7 --prune\nrestic backup /data\nborg list repo\nborg delete --dry-run repo\nvelero backup get\nkopia snapshot list\nrclone copy a b',
  ),
  'host.backup.prune': commands(
    'restic forget --keep-daily 7 --prune\nborg prune --keep-daily 7 r',
    'restic snapshots\nborg create r::x /d',
  ),
  'host.db': commands(
    'dropdb prod\nmysqladmin -u root drop prod -f\nredis-cli flushall\nredis-cli -h x FLUSHDB\necho FLUSHALL | redis-cli\n(echo FLUSHALL; sleep 1) | redis-cli\nmongosh --eval "db.dropDatabase()"\nmongosh --eval db.dropDatabase()\nvault kv destroy -versions=1 secret/x\netcdctl del "" --prefix\ndocker exec db dropdb prod',
    'createdb x\nmysqladmin status\nredis-cli get flushall\nmongosh --eval "db.users.find()"\nvault kv get secret/x\nman dropdb\ndropdb --help',
  ),
  orm: commands(
    'npx prisma migrate reset --force\npnpm exec prisma db push --accept-data-loss\nyarn prisma migrate reset\nbundle exec rails db:drop\nrake db:reset\nphp artisan migrate:fresh --seed\nsupabase db reset\nnpx supabase db reset --linked\npython manage.py flush --no-input\ndrizzle-kit push --force\nalembic downgrade base\nflyway clean\ndocker compose exec web rails db:reset',
    'npx prisma migrate dev\nprisma db push\nrails db:migrate\nphp artisan migrate\nsupabase db push\nmanage.py migrate\ndrizzle-kit push\nalembic downgrade -1\nflyway migrate',
  ),
  'host.script': commands(
    'npm run db:reset\nmake destroy-prod\npnpm drop-database',
    'npm run build\nmake clean\nnpm test',
  ),
  'host.tf': commands(
    'terraform destroy\nterraform -chdir=x destroy -auto-approve\nterraform apply -destroy -auto-approve\ntofu destroy\npulumi -C infra destroy -y\nterragrunt run-all destroy\ncdk destroy --all\neksctl delete cluster x',
    'terraform plan -destroy\nterraform plan\nterraform show destroy.tfplan\nterraform destroy --help\npulumi preview\nterraform apply',
  ),
  'host.tf.state': commands('terraform state rm x.y', 'terraform state list'),
  'host.kubectl': commands(
    'kubectl delete ns prod\nkubectl delete namespace/prod\nkubectl -n x delete pvc --all\nkubectl --context prod delete pvc data-0\nkubectl delete deploy,pvc --all\nkubectl delete all --all\nkubectl delete crd clusters.postgresql.cnpg.io\nkubectl delete pods -A --all\noc delete project prod\nkubectl delete sts db',
    'kubectl get pvc\nkubectl describe ns prod\nkubectl delete pod web-1\nkubectl delete pvc x --dry-run=client\nkubectl delete pod pvc-cleaner\nkubectl -n ns delete pod x\nkubectl apply -f ns.yaml',
  ),
  'host.kubectl.some': commands(
    'kubectl delete pod web-1\nkubectl delete -f app.yaml\nhelm uninstall web\nkubectl scale deploy/web --replicas=0',
    'kubectl get pods\nhelm list\nkubectl scale deploy/web --replicas=3',
  ),
  'host.docker': commands(
    'docker volume rm pgdata\ndocker compose down -v\ndocker-compose -f x.yml down --volumes\ndocker system prune -af --volumes\ndocker volume prune -af\ndocker stack rm prod\npodman volume rm x',
    'docker volume ls\ndocker compose down\ndocker compose run --rm -v x:/y web\ndocker compose up -d\ndocker rm web\ndocker system prune',
  ),
  'host.docker.some': commands(
    'docker compose down\ndocker rm -f web\ndocker system prune',
    'docker ps\ndocker rm web',
  ),
  'host.git.main': commands(
    'git push -f origin main\ngit push origin main --force\ngit push origin +main\ngit push origin +HEAD:main\ngit push origin :main\ngit push --delete origin main\ngit push -d origin production\ngit -C x push -f origin master\ngit -c a.b=c push --force-with-lease origin main\ngit push --force origin HEAD:refs/heads/main\ngh repo delete o/r --yes',
    'git push origin main\ngit push --force-with-lease origin feature/x\ngit push -f origin feature/main\ngit push origin feature:feature-main\ngit push -n -f origin main --dry-run\ngit commit -m "git push -f origin main"\ngit log --grep="push --force main"\ngh repo view',
  ),
  'host.git': commands(
    'git push --force-with-lease origin feature/x\ngit push -f\ngit push --mirror backup\ngit push origin :feature\ngit push origin +feature\ngit push origin --delete feature',
    'git push\ngit push -u origin HEAD\ngit push origin --tags\ngit pull --force\ngit branch -D x\ngit push origin HEAD:feature',
  ),
  'host.git.history': commands(
    'git filter-branch --all\ngit reset --hard HEAD~3\ngit gc --prune=now\ngit clean -fdx',
    'git log\ngit reset HEAD~1\ngit gc\ngit clean -n',
  ),
  'host.cloudcli': commands(
    'aws --profile p rds delete-db-instance --db-instance-identifier x\naws s3 rb s3://x --force\naws s3 rm s3://bucket --recursive\naws ec2 delete-volume --volume-id v\naws --region eu-west-1 backup delete-recovery-point --x y\nAWS_PROFILE=p aws s3api delete-objects --bucket b --delete file://x\naws kms schedule-key-deletion --key-id x\naws cloudformation delete-stack --stack-name prod\ngcloud sql instances delete prod\ngcloud --project p compute disks delete d1 -q\ngcloud projects delete p\ngsutil -m rm -r gs://b\naz group delete -n rg --yes\naz sql db delete -n x --yes\naz storage blob delete-batch -s x\nmc rb --force store/x',
    'aws s3 ls\naws s3 cp a s3://b\naws s3 rm s3://b/one.txt\naws s3 rm s3://b/k --recursive --dryrun\naws rds describe-db-instances\naws rds delete-db-instance --help\naws rds help delete-db-instance\ngcloud sql instances list\ngcloud compute instances list --quiet\naz group list\naz vm list\ngsutil ls',
  ),
  'host.cloudcli.some': commands(
    'aws ec2 terminate-instances --instance-ids i\naws s3 rm s3://b/k\naws sqs delete-queue --x y\naz vm delete -n x',
    'aws ec2 describe-instances\naz vm start -n x',
  ),
  'host.paas': commands(
    'railway volume delete\nrailway environment delete prod\nsupabase projects delete x\nneonctl branches delete main\nvercel project rm web\nvercel remove web --yes\nheroku pg:reset DATABASE --confirm app\nheroku apps:destroy --app x --confirm x\nfly volumes destroy vol_1\nflyctl apps destroy x -y\ndoctl databases delete x\nwrangler d1 delete prod\nwrangler r2 bucket delete b\npscale database delete x\nturso db destroy prod\nfirebase firestore:delete --all-collections\nhcloud volume delete x',
    'railway up\nrailway volume list\nsupabase db push\nneonctl branches list\nvercel deploy --prod\nvercel env rm FOO production\nheroku pg:info\nfly deploy\ndoctl databases list\nwrangler deploy\npscale branch list x\nfirebase deploy\nhcloud server list',
  ),
  'host.unsafe': commands(
    'claude --dangerously-skip-permissions -p x\ncodex --yolo\ngemini --approval-mode=yolo',
    'claude -p x\ncodex exec x',
  ),
  'host.traces': commands(
    'rm ~/.bash_history\nhistory -c\nwevtutil cl System',
    'cat ~/.bash_history\nhistory\nwevtutil el',
  ),
};
