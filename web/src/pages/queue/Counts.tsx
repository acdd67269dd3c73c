import { Link } from "wouter";
import type { ListedState, Queue } from "../../api/types.ts";
import { count } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import styles from "./Counts.module.css";
import { countIn, LISTED, PRIORITIES } from "./view.ts";

/** How many photos are in each state; each number leads to the list of them. */
export function Counts({ queue, chosen }: { queue: Queue; chosen: ListedState }) {
  const { queue: messages } = useMessages();
  const locale = useLocale();
  return (
    <nav aria-label={messages.counts}>
      <ul className={styles.counts}>
        {LISTED.map((state) => (
          <li key={state}>
            <Link
              href={`/queue?state=${state}`}
              replace
              className={styles.count}
              aria-current={state === chosen ? "page" : undefined}
              data-state={state}
              data-some={countIn(queue, state) > 0}
            >
              <span className={styles.name}>{messages.states[state]}</span>
              <span className={styles.number}>{count(countIn(queue, state), locale)}</span>
              {state === "waiting" && <Priorities queue={queue} />}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Priorities({ queue }: { queue: Queue }) {
  const { queue: messages } = useMessages();
  const locale = useLocale();
  const shown = PRIORITIES.filter((each) => each !== "front" || queue.waiting.front > 0);
  return (
    <span className={styles.priorities}>
      <span className="unseen">{messages.byPriority} : </span>
      {shown.map((each) => (
        <span key={each} className={styles.priority} data-some={queue.waiting[each] > 0}>
          {messages.priorities[each]} <b>{count(queue.waiting[each], locale)}</b>
        </span>
      ))}
    </span>
  );
}
