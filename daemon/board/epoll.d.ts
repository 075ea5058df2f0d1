/** What is used of the package, which brings no types. */
declare module 'epoll' {
  class Epoll {
    static readonly EPOLLIN: number;
    readonly closed: boolean;
    constructor(ready: () => void);
    add(descriptor: number, events: number): this;
    remove(descriptor: number): this;
    close(): void;
  }
  const epoll: { readonly Epoll: typeof Epoll };
  export default epoll;
}
