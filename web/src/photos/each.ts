/** Requests at a time, so that many photos leave the browser room for what is looked at. */
const AT_A_TIME = 4;

/** Do `work` for each of `items`, a few at a time. Throws what it throws, and then goes no further. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<unknown>) {
  const rest = [...items];
  const hand = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, hand));
}
