/** What the browser keeps for the page. Where people let it keep nothing, that is as if it were empty. */

export const local = kept(() => localStorage);
/** Until the tab is closed. */
export const session = kept(() => sessionStorage);

function kept(storage: () => Storage) {
  const tried = <T>(act: (storage: Storage) => T): T | null => {
    try {
      return act(storage());
    } catch {
      return null; // it is refused, or full
    }
  };
  return {
    get: (name: string) => tried((where) => where.getItem(name)),
    set: (name: string, value: string) => void tried((where) => where.setItem(name, value)),
    remove: (name: string) => void tried((where) => where.removeItem(name)),
  };
}
