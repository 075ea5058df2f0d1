/** Loaded into the gate by a drop-in of the lab, never by the product: makes it loop or throw when the lab says so. */
process.on('SIGUSR2', () => {
  for (;;);
});
process.on('SIGALRM', () => {
  throw new Error('as the lab ordered');
});
