/** Pages that are loaded when they are visited, or before, while there is time. */

import { type ComponentType, useEffect, useState } from "react";
import { Button } from "../design/Button.tsx";
import { Notice } from "../design/Notice.tsx";
import { useMessages } from "../i18n/locale.ts";

/** While a page cannot be had, it is asked for again after so long, ms. */
const AGAIN_MS = 4_000;

const loads = new Set<() => Promise<unknown>>();

/**
 * Return a page that `load` imports. What React's `lazy` could not have once it never asks for
 * again, though the gateway may only have been away for a moment.
 */
export function later<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
) {
  let Page: ComponentType<Props> | undefined;
  const loaded = async () => {
    Page ??= (await load()).default;
  };
  loads.add(loaded);
  return function Later(props: Props) {
    const [, setTries] = useState(0);
    const [away, setAway] = useState(false);
    useEffect(() => {
      if (Page) return;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let left = false;
      const ask = async () => {
        await loaded().catch(() => setAway(true));
        setTries((tries) => tries + 1);
        if (!Page && !left) timer = setTimeout(ask, AGAIN_MS);
      };
      void ask();
      return () => {
        left = true;
        clearTimeout(timer);
      };
    }, []);
    if (Page) return <Page {...props} />;
    return away ? <Away /> : null;
  };
}

/** Load all of them: by when they are visited the gateway may be away, or have another version. */
export function loadAll(): void {
  for (const load of loads) load().catch(() => {}); // asked for again when it is visited
}

function Away() {
  const { app, problem } = useMessages();
  return (
    <div role="alert">
      <Notice icon="cloud" title={app.away} text={problem.network} whole>
        <Button onClick={() => location.reload()}>{app.reload}</Button>
      </Notice>
    </div>
  );
}
