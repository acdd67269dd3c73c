import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";
import { askAnew } from "../../api/queries.ts";
import type { ListedState, Queue } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import { ErrorNotice, Notice } from "../../design/Notice.tsx";
import surfaces from "../../design/surfaces.module.css";
import { count } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { AllDialog } from "./AllDialog.tsx";
import { ACTIONS, type Action } from "./actions.ts";
import { JobRow } from "./JobRow.tsx";
import styles from "./Jobs.module.css";
import { Pager } from "./Pager.tsx";
import { jobsQuery } from "./polled.ts";
import { countIn } from "./view.ts";

const ICONS = {
  waiting: "layers",
  active: "sparkles",
  delayed: "list-checks",
  dead: "badge-check",
};

interface Props {
  queue: Queue;
  state: ListedState;
}

/** The jobs of one state, newest first, a page at a time. To be keyed by the state. */
export function Jobs({ queue, state }: Props) {
  const { queue: messages } = useMessages();
  const heading = useId();
  const [doing, setDoing] = useState<Action>();
  const total = countIn(queue, state);
  const list = useList(state, total);
  const { items } = list;
  return (
    <section className={surfaces.card} aria-labelledby={heading}>
      <header className={styles.head}>
        <h2 id={heading} className={styles.title}>
          {messages.states[state]}
        </h2>
        {items && items.length > 0 && <All state={state} onChoose={setDoing} />}
      </header>
      {list.away ? (
        <ErrorNotice title={messages.list.away} error={list.away} onRetry={list.askAnew} />
      ) : items?.length === 0 ? (
        <Empty state={state} counted={total} />
      ) : (
        <ul className={styles.rows} aria-busy={!items}>
          {items?.map((job) => (
            <JobRow key={job.jobId} job={job} />
          ))}
        </ul>
      )}
      {state === "dead" && queue.deadDropped > 0 && (
        <p className={styles.note}>{messages.list.dropped(queue.deadDropped)}</p>
      )}
      <Pager onNewer={list.newer} onOlder={list.older} />
      {doing && (
        <AllDialog action={doing} state={state} total={total} onClose={() => setDoing(undefined)} />
      )}
    </section>
  );
}

/** The page of the list that is looked at, and how to get to others, where there are any. */
function useList(state: ListedState, total: number) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const query = jobsQuery(state, cursors.at(-1));
  const { data, error, failureReason, refetch } = useQuery(query);
  const counted = useRef(total);
  useEffect(() => {
    // The list has changed with the count: the two are to agree.
    if (counted.current !== total) void refetch();
    counted.current = total;
  }, [total, refetch]);
  const newer = cursors.length ? () => setCursors(cursors.slice(0, -1)) : undefined;
  const next = data?.nextCursor;
  // The last job of an older page has gone.
  if (data?.items.length === 0) newer?.();
  return {
    items: data?.items,
    away: data ? null : (error ?? failureReason),
    askAnew: () => void askAnew(query.queryKey),
    newer,
    older: next ? () => setCursors([...cursors, next]) : undefined,
  };
}

/** What can be done to the whole list. */
function All(props: { state: ListedState; onChoose: (action: Action) => void }) {
  const { all } = useMessages().queue;
  return (
    <div className={styles.all}>
      {ACTIONS[props.state].map((action) => (
        <Button
          key={action}
          look={action === "retry" ? "plain" : "quiet"}
          className={styles.small}
          onClick={() => props.onChoose(action)}
        >
          {all[action]}
        </Button>
      ))}
    </div>
  );
}

/** Nothing to list; the queue may count some all the same. */
function Empty({ state, counted }: { state: ListedState; counted: number }) {
  const { list } = useMessages().queue;
  const locale = useLocale();
  return (
    <div className={styles.empty}>
      <Notice
        icon={ICONS[state]}
        title={counted > 0 ? list.elsewhere : list.empty[state]}
        text={counted > 0 ? list.elsewhereText(count(counted, locale)) : list.emptyText[state]}
      />
    </div>
  );
}
