import { all, any, each, has, is, none, OURS, type PackRule, rulesOn, there, yes } from './pack-words.ts';

const github = rulesOn('github');
const gitlab = rulesOn('gitlab');

const event = (...names: readonly string[]) => is('portcullis.event', ...names);
const action = (...names: readonly string[]) => is('action', ...names);
/** An entry of GitHub's audit log. */
const audit = (...names: readonly string[]) => all(event('audit'), action(...names));
const defaultBranch = yes('portcullis.defaultBranch');
/** Names that stand for what is in production, whatever a repository's default branch is called. */
const mainRef = is('ref', 'main', 'master', 'refs/heads/main', 'refs/heads/master');
const system = (...names: readonly string[]) => is('event_name', ...names);

/** Hosts of Git repositories, by their webhooks and audit logs. */
export const GIT_RULES: readonly PackRule[] = [
  github.trip(
    'gh.repo.deleted',
    'A repository on GitHub has been deleted.',
    'falco github "Delete Repository"',
    all(event('repository'), action('deleted')),
  ),
  github.context(
    'gh.repo.changed',
    'A repository on GitHub has been archived, transferred or made private.',
    'falco github plugin; GitHub webhook reference',
    any(
      all(event('repository'), action('archived', 'transferred', 'privatized')),
      audit('repo.archived', 'repo.transfer', 'repo.access'),
    ),
  ),
  github.trip(
    'gh.audit.repo.destroy',
    'A repository on GitHub has been deleted.',
    'sigma 16a71777; elastic/detection-rules 345889c4',
    audit('repo.destroy'),
  ),
  github.trip(
    'gh.push.force',
    'The default branch of a repository on GitHub has been written over by a forced push.',
    'ours, after the webhook reference of GitHub',
    all(event('push'), yes('forced'), defaultBranch),
  ),
  github.rate(
    'gh.push.force.other',
    'Branches of a repository on GitHub are being written over by forced pushes.',
    OURS,
    all(event('push'), yes('forced'), none(defaultBranch)),
  ),
  github.trip(
    'gh.push.deleted',
    'The default branch of a repository on GitHub has been deleted by a push.',
    'ours, after the webhook reference of GitHub',
    all(event('push'), yes('deleted'), any(defaultBranch, mainRef)),
  ),
  github.trip(
    'gh.delete.default',
    'The default branch of a repository on GitHub has been deleted.',
    'octokit/webhooks payloads',
    all(event('delete'), is('ref_type', 'branch'), any(defaultBranch, mainRef)),
  ),
  github.rate(
    'gh.delete',
    'Branches or tags of a repository on GitHub are being deleted.',
    'octokit/webhooks payloads',
    all(event('delete'), is('ref_type', 'branch', 'tag')),
  ),
  github.trip(
    'gh.bpr',
    'The protection of a branch on GitHub, or a set of rules, has been deleted.',
    'octokit/webhooks payloads; sets of rules: ours',
    all(event('branch_protection_rule', 'repository_ruleset'), action('deleted')),
  ),
  github.trip(
    'gh.bpr.off',
    'The protection of branches of a repository on GitHub has been switched off.',
    OURS,
    all(event('branch_protection_configuration'), action('disabled')),
  ),
  github.trip(
    'gh.audit.bpr',
    'The protection of a branch on GitHub has been deleted or overridden.',
    'panther-analysis GitHub.Branch.ProtectionDisabled, PolicyOverride',
    audit('protected_branch.destroy', 'protected_branch.policy_override', 'repository_ruleset.destroy'),
  ),
  github.rate(
    'gh.audit.force',
    'Protected branches on GitHub are being written over by forced pushes.',
    'elastic/detection-rules 0428c618',
    all(audit('protected_branch.policy_override'), each('reasons', has('code', 'force_push'))),
    { rate: { count: 10, within: '1h' } },
  ),
  github.rate(
    'gh.member',
    'Members are being removed from an organization on GitHub.',
    'panther-analysis github_org_modified; elastic/detection-rules impact_github_member_removed_from_organization',
    any(all(event('organization'), action('member_removed')), audit('org.remove_member')),
  ),
  github.rate(
    'gh.team',
    'Teams of an organization on GitHub are being deleted.',
    'octokit/webhooks payloads',
    any(all(event('team'), action('deleted')), audit('team.destroy')),
  ),
  github.trip(
    'gh.secret',
    'An environment or a secret of a repository on GitHub has been deleted.',
    'sigma 16a71777; GitHub audit event reference',
    audit(
      'org.remove_actions_secret',
      'repo.remove_actions_secret',
      'environment.remove_actions_secret',
      'environment.delete',
    ),
  ),
  github.rate('gh.codespace', 'Codespaces on GitHub are being deleted.', 'sigma 16a71777', audit('codespaces.destroy')),
  github.trip(
    'gh.hook',
    'A webhook of GitHub has been deleted: what comes next might not be told.',
    'octokit/webhooks payloads; GitHub audit event reference',
    any(all(event('meta'), action('deleted')), audit('hook.destroy', 'audit_log_streaming.destroy')),
  ),
  github.rate(
    'gh.pkg',
    'Packages on GitHub are being deleted.',
    'GitHub audit event reference',
    any(
      all(event('package', 'registry_package'), action('deleted')),
      audit('packages.package_deleted', 'packages.package_version_deleted'),
    ),
  ),
  github.rate(
    'gh.release',
    'Releases on GitHub are being deleted.',
    OURS,
    any(all(event('release'), action('deleted')), audit('release.destroy')),
  ),
  gitlab.trip('gl.project', 'A project on GitLab has been deleted.', 'GitLab, system hooks', system('project_destroy')),
  gitlab.trip('gl.group', 'A group on GitLab has been deleted.', 'GitLab, system hooks', system('group_destroy')),
  gitlab.rate('gl.user', 'Users of GitLab are being deleted.', 'GitLab, system hooks', system('user_destroy')),
  gitlab.rate('gl.key', 'Keys of GitLab are being deleted.', 'GitLab, system hooks', system('key_destroy')),
  gitlab.trip(
    'gl.push.deleted',
    'The default branch of a project on GitLab has been deleted by a push.',
    'GitLab, webhook events',
    all(yes('portcullis.deleted'), any(defaultBranch, mainRef)),
  ),
  gitlab.rate(
    'gl.push.deleted.other',
    'Branches or tags of projects on GitLab are being deleted.',
    OURS,
    all(yes('portcullis.deleted'), none(any(defaultBranch, mainRef))),
  ),
  gitlab.trip(
    'gl.audit',
    'A project or group on GitLab, or the protection of a branch, has been deleted.',
    'gitlab-org/gitlab merge requests 117546, 199672',
    all(
      there('event_type'),
      is(
        'event_type',
        'project_destroyed',
        'project_deletion_marked',
        'group_destroyed',
        'group_deletion_marked',
        'protected_branch_removed',
      ),
    ),
  ),
];
