import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useId, useState } from "react";
import { useKey } from "../../api/key.ts";
import type { ListedState, Queue } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import { ErrorNotice, Notice } from "../../design/Notice.tsx";
import surfaces from "../../design/surfaces.module.css";
import { useMessages } from "../../i18n/locale.ts";
import { AllDialog } from "./AllDialog.tsx";
import { ACTIONS, type Action } from "./actions.ts";
import { JobRow } from "./JobRow.tsx";
import styles from "./Jobs.module.css";
import { askAnew, jobsQuery } from "./polled.ts";
import { waitingIn } from "./view.ts";

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
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [doing, setDoing] = useState<Action>();
  const query = jobsQuery(state, cursors.at(-1));
  const { data, error, failureReason } = useQuery(query);
  const total = state === "waiting" ? waitingIn(queue) : queue[state];
  const back = () => setCursors(cursors.slice(0, -1));
  // The last one of an older page has gone.
  if (data?.items.length === 0 && cursors.length) back();
  return (
    <section className={surfaces.card} aria-labelledby={heading}>
      <header className={styles.head}>
        <h2 id={heading} className={styles.title}>
          {messages.states[state]}
        </h2>
        {data && data.items.length > 0 && (
          <div className={styles.all}>
            {ACTIONS[state].map((action) => (
              <Button
                key={action}
                look={action === "retry" ? "plain" : "quiet"}
                className={styles.small}
                onClick={() => setDoing(action)}
              >
                {messages.all[action]}
              </Button>
            ))}
          </div>
        )}
      </header>
      {!data && (error ?? failureReason) ? (
        <ErrorNotice
          title={messages.list.away}
          error={error ?? failureReason}
          onRetry={() => void askAnew(query.queryKey)}
        />
      ) : data?.items.length === 0 ? (
        <Empty state={state} counted={total} />
      ) : (
        <ul className={styles.rows} aria-busy={!data}>
          {data?.items.map((job) => (
            <JobRow key={job.jobId} job={job} />
          ))}
        </ul>
      )}
      {state === "dead" && queue.deadDropped > 0 && (
        <p className={styles.note}>{messages.list.dropped(queue.deadDropped)}</p>
      )}
      {(cursors.length > 0 || data?.nextCursor) && (
        <nav className={styles.pager} aria-label={messages.list.pages}>
          <Button
            look="quiet"
            icon={<ChevronLeft size={17} aria-hidden />}
            disabled={!cursors.length}
            onClick={back}
          >
            {messages.list.newer}
          </Button>
          <Button
            look="quiet"
            icon={<ChevronRight size={17} aria-hidden />}
            className={styles.older}
            disabled={!data?.nextCursor}
            onClick={() => data?.nextCursor && setCursors([...cursors, data.nextCursor])}
          >
            {messages.list.older}
          </Button>
        </nav>
      )}
      {doing && (
        <AllDialog action={doing} state={state} total={total} onClose={() => setDoing(undefined)} />
      )}
    </section>
  );
}

function Empty({ state, counted }: { state: ListedState; counted: number }) {
  const { list } = useMessages().queue;
  const keyed = useKey((store) => store.key !== undefined);
  return (
    <div className={styles.empty}>
      <Notice
        icon={ICONS[state]}
        title={list.empty[state]}
        text={keyed && counted > 0 ? list.others : list.emptyText[state]}
      />
    </div>
  );
}
