import type { Fixtures } from './fixtures.ts';

/** A webhook of GitHub as its format hands it on: with the event out of the header. */
const hook = (event: string, body: object) => ({
  portcullis: { event },
  sender: { login: 'bot', type: 'Bot' },
  repository: { full_name: 'o/r', default_branch: 'main' },
  ...body,
});
const audit = (action: string, more: object = {}) => ({
  actor: 'bot',
  action,
  org: 'o',
  repo: 'o/r',
  created_at: 1,
  ...more,
});
const push = (ref: string, more: object) =>
  hook('push', { ref, before: 'a'.repeat(40), after: 'b'.repeat(40), ...more });
const system = (event_name: string) => ({
  event_name,
  created_at: '2026-04-25T10:00:00Z',
  project_id: 1,
  user_id: 2,
  name: 'x',
});
const gitlabPush = (ref: string, after: string) => ({
  object_kind: 'push',
  event_name: 'push',
  before: 'a'.repeat(40),
  after,
  ref,
  project_id: 1,
  project: { default_branch: 'main' },
});
const ZEROS = '0'.repeat(40);

export const GIT: Fixtures = {
  'gh.repo.deleted': {
    trips: [hook('repository', { action: 'deleted' })],
    passes: [hook('repository', { action: 'created' }), hook('label', { action: 'deleted' })],
  },
  'gh.repo.changed': {
    trips: [hook('repository', { action: 'archived' }), audit('repo.transfer')],
    passes: [hook('repository', { action: 'edited' })],
  },
  'gh.audit.repo.destroy': { trips: [audit('repo.destroy')], passes: [audit('repo.create')] },
  'gh.push.force': {
    trips: [push('refs/heads/main', { forced: true })],
    passes: [push('refs/heads/feature', { forced: true }), push('refs/heads/main', { forced: false })],
  },
  'gh.push.force.other': {
    trips: [push('refs/heads/feature', { forced: true })],
    passes: [push('refs/heads/feature', { forced: false }), push('refs/heads/main', { forced: true })],
  },
  'gh.push.deleted': {
    trips: [
      push('refs/heads/main', { deleted: true, after: ZEROS }),
      push('refs/heads/master', { deleted: true, after: ZEROS }),
    ],
    passes: [
      push('refs/heads/feature', { deleted: true, after: ZEROS }),
      push('refs/tags/main', { deleted: true, after: ZEROS }),
    ],
  },
  'gh.delete.default': {
    trips: [hook('delete', { ref: 'main', ref_type: 'branch' })],
    passes: [hook('delete', { ref: 'feature', ref_type: 'branch' }), hook('delete', { ref: 'main', ref_type: 'tag' })],
  },
  'gh.delete': {
    trips: [hook('delete', { ref: 'feature', ref_type: 'branch' }), hook('delete', { ref: 'v1', ref_type: 'tag' })],
    passes: [hook('create', { ref: 'v1', ref_type: 'tag' })],
  },
  'gh.bpr': {
    trips: [hook('branch_protection_rule', { action: 'deleted' }), hook('repository_ruleset', { action: 'deleted' })],
    passes: [hook('branch_protection_rule', { action: 'edited' })],
  },
  'gh.bpr.off': {
    trips: [hook('branch_protection_configuration', { action: 'disabled' })],
    passes: [hook('branch_protection_configuration', { action: 'enabled' })],
  },
  'gh.audit.bpr': {
    trips: [
      audit('protected_branch.destroy'),
      audit('protected_branch.policy_override'),
      audit('repository_ruleset.destroy'),
    ],
    passes: [audit('protected_branch.create')],
  },
  'gh.audit.force': {
    trips: [audit('protected_branch.policy_override', { reasons: [{ code: 'force_push' }] })],
    passes: [audit('protected_branch.policy_override', { reasons: [{ code: 'review_policy_not_satisfied' }] })],
  },
  'gh.member': {
    trips: [hook('organization', { action: 'member_removed' }), audit('org.remove_member')],
    passes: [hook('organization', { action: 'member_added' })],
  },
  'gh.team': { trips: [hook('team', { action: 'deleted' }), audit('team.destroy')], passes: [audit('team.create')] },
  'gh.secret': {
    trips: [audit('repo.remove_actions_secret'), audit('environment.delete')],
    passes: [audit('repo.create_actions_secret')],
  },
  'gh.codespace': { trips: [audit('codespaces.destroy')], passes: [audit('codespaces.create')] },
  'gh.hook': {
    trips: [hook('meta', { action: 'deleted', hook: { id: 1 } }), audit('hook.destroy')],
    passes: [audit('hook.create'), hook('ping', {})],
  },
  'gh.pkg': {
    trips: [hook('package', { action: 'deleted' }), audit('packages.package_version_deleted')],
    passes: [hook('package', { action: 'published' })],
  },
  'gh.release': { trips: [hook('release', { action: 'deleted' })], passes: [hook('release', { action: 'published' })] },
  'gl.project': { trips: [system('project_destroy')], passes: [system('project_create')] },
  'gl.group': { trips: [system('group_destroy')], passes: [system('group_create')] },
  'gl.user': { trips: [system('user_destroy')], passes: [system('user_create')] },
  'gl.key': { trips: [system('key_destroy')], passes: [system('key_create')] },
  'gl.push.deleted': {
    trips: [
      gitlabPush('refs/heads/main', ZEROS),
      {
        event_name: 'repository_update',
        project_id: 1,
        user_id: 2,
        project: { default_branch: 'trunk' },
        changes: [
          { ref: 'refs/heads/a', before: 'a'.repeat(40), after: 'b'.repeat(40) },
          { ref: 'refs/heads/trunk', before: 'a'.repeat(40), after: ZEROS },
        ],
      },
    ],
    passes: [gitlabPush('refs/heads/main', 'c'.repeat(40)), gitlabPush('refs/heads/x', ZEROS)],
  },
  'gl.push.deleted.other': {
    trips: [gitlabPush('refs/heads/x', ZEROS)],
    passes: [gitlabPush('refs/heads/x', 'c'.repeat(40)), gitlabPush('refs/heads/main', ZEROS)],
  },
  'gl.audit': {
    trips: [{ event_type: 'project_destroyed', entity_type: 'Project', author_name: 'a' }],
    passes: [{ event_type: 'project_created', entity_type: 'Project', author_name: 'a' }],
  },
};
