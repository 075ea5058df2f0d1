/** A configuration without a fault, with every kind of section; tests break it one line at a time. */
export const SOUND = `appliance:
  state: state
  runtime: run
board:
  driver: simulated
  directory: board
windows:
  - name: nightly
    cron: "30 3 * * *"
    duration: 30m
vault:
  store:
    kind: directory
    path: vault
sources:
  - name: repository
    kind: git
    url: ./origin.git
  - name: documents
    kind: directory
    path: documents
    exclude: ["*.tmp"]
  - name: database
    kind: command
    command: [./dump, --all]
intake:
  sources:
    - name: monitoring
      format: alertmanager
      auth:
        scheme: bearer
        secrets:
          - file: token
      rules:
        - id: mass-delete
          reason: Too many deletions
          when:
            all:
              - path: [labels, alertname]
                op: eq
                value: MassDelete
              - any:
                  - path: [labels, count]
                    op: gte
                    value: 100
                  - path: [labels, destructive]
                    op: exists
`;

/** SOUND with `from`, which must occur in it once, replaced by `to`. */
export function broken(from: string, to: string): string {
  const parts = SOUND.split(from);
  if (parts.length !== 2) throw new Error(`${JSON.stringify(from)} occurs ${parts.length - 1} times in the sample`);
  return parts.join(to);
}
