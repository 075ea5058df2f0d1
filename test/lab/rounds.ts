/** How often each death is died and each edge is measured. */
export const ROUNDS = Number(process.env['LAB_ROUNDS'] ?? 5);
