import { useEffect, useRef, useState } from "react";
import { explain } from "../../api/problems.ts";
import { api } from "../../api/routes.ts";
import type { ListedState } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import { Dialog } from "../../design/Dialog.tsx";
import { useMessages } from "../../i18n/locale.ts";
import styles from "./AllDialog.module.css";
import { type Action, act } from "./actions.ts";
import { refresh } from "./polled.ts";
import { type Walked, walk } from "./walk.ts";

/** How many jobs are asked for at a time. */
const PAGE = 100;

interface Props {
  action: Action;
  state: ListedState;
  /** How many there are, about. */
  total: number;
  onClose: () => void;
}

/** Asks whether something is really to be done to a whole list; does it, and shows how far it is. */
export function AllDialog({ action, state, total, onClose }: Props) {
  const { all } = useMessages().queue;
  const { so, phase, why, start, stop } = useWalk(action, state);
  const leave = () => {
    stop();
    onClose();
  };
  return (
    <Dialog title={all[`${action}Title`]} onClose={leave}>
      {phase === "asking" ? (
        <p className={styles.text}>{all[`${action}Text`](all.photos(total))}</p>
      ) : (
        <Progress so={so} total={total} phase={phase} why={why} />
      )}
      <div className={styles.actions}>
        {phase === "asking" && (
          <>
            <Button data-first onClick={leave}>
              {all.back}
            </Button>
            <Button look={action === "retry" ? "accent" : "danger"} onClick={start}>
              {all[action]}
            </Button>
          </>
        )}
        {phase === "running" && <Button onClick={stop}>{all.stop}</Button>}
        {phase !== "asking" && phase !== "running" && (
          <Button look="accent" onClick={leave}>
            {all.close}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

type Phase = "asking" | "running" | "done" | "stopped" | "broke";

function useWalk(action: Action, state: ListedState) {
  const leaving = useRef(new AbortController());
  const [so, setSo] = useState<Walked>({ done: 0, late: 0 });
  const [phase, setPhase] = useState<Phase>("asking");
  const [why, setWhy] = useState<unknown>();
  useEffect(() => {
    const controller = leaving.current;
    return () => controller.abort();
  }, []);
  const start = async () => {
    leaving.current = new AbortController();
    const { signal } = leaving.current;
    setPhase("running");
    try {
      await walk({
        page: (cursor) => api.jobs({ state, cursor, limit: PAGE }, signal),
        act: (job) => act(action, job),
        signal,
        onStep: setSo,
      });
      setPhase(signal.aborted ? "stopped" : "done");
    } catch (error) {
      setWhy(error);
      setPhase(signal.aborted ? "stopped" : "broke");
    }
    await refresh();
  };
  return { so, phase, why, start: () => void start(), stop: () => leaving.current.abort() };
}

function Progress(props: { so: Walked; total: number; phase: Phase; why: unknown }) {
  const messages = useMessages();
  const { all } = messages.queue;
  const { so, total, phase } = props;
  const walked = so.done + so.late;
  return (
    <>
      <progress
        className={styles.bar}
        aria-label={messages.progress.bar}
        max={phase === "done" ? 1 : Math.max(1, total, walked)}
        value={phase === "done" ? 1 : walked}
      />
      <p className={styles.text} role="status">
        {phase === "running" && all.running(walked, total)}
        {phase === "stopped" && `${all.stopped} `}
        {phase === "broke" && `${all.broke(explain(props.why, messages))} `}
        {phase !== "running" && all.done(so.done)}
        {phase !== "running" && so.late > 0 && ` ${all.late(so.late)}`}
      </p>
    </>
  );
}
