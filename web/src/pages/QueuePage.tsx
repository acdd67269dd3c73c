import { useQuery } from "@tanstack/react-query";
import { Pause, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useState } from "react";
import { useSearchParams } from "wouter";
import type { Queue } from "../api/types.ts";
import { ErrorNotice } from "../design/Notice.tsx";
import surfaces from "../design/surfaces.module.css";
import { useMessages } from "../i18n/locale.ts";
import styles from "./QueuePage.module.css";
import { Counts } from "./queue/Counts.tsx";
import { Stages } from "./queue/charts/Stages.tsx";
import { Freshness } from "./queue/Freshness.tsx";
import { Jobs } from "./queue/Jobs.tsx";
import { Latency, Throughput } from "./queue/LastHour.tsx";
import { Failures, Sockets } from "./queue/Others.tsx";
import { PauseButton } from "./queue/PauseButton.tsx";
import { Provider } from "./queue/Provider.tsx";
import { askAnew, queuesQuery, statisticsQuery } from "./queue/polled.ts";
import { stateIn } from "./queue/view.ts";

/** The queue, for operators: what there is, what can be done about it, how it has gone. */
export default function QueuePage() {
  const { queue: messages } = useMessages();
  const asked = useQuery(queuesQuery);
  const [queue] = asked.data?.items ?? [];
  if (!queue) {
    const error = asked.error ?? asked.failureReason;
    if (!error) return <p className="unseen">{messages.loading}</p>;
    return (
      <ErrorNotice
        title={messages.away}
        error={error}
        onRetry={() => void askAnew(queuesQuery.queryKey)}
      />
    );
  }
  return <Board queue={queue} />;
}

function Board({ queue }: { queue: Queue }) {
  const { queue: messages } = useMessages();
  const queues = useQuery(queuesQuery);
  const statistics = useQuery(statisticsQuery);
  const [params] = useSearchParams();
  const [first] = useState(() => stateIn(null, queue));
  const state = stateIn(params.get("state") ?? first, queue);
  const away = statistics.error ?? statistics.failureReason;
  return (
    <>
      <header className={styles.head}>
        <h1 className={styles.title}>{messages.title}</h1>
        <p className={styles.workers} data-some={queue.workers > 0}>
          {queue.workers ? messages.workers(queue.workers) : messages.noWorkers}
        </p>
        <Freshness asked={[queues, statistics]} />
        <PauseButton queue={queue} />
      </header>
      <Warnings queue={queue} />
      <Counts queue={queue} chosen={state} />
      <div className={styles.board}>
        <div className={styles.column}>
          <Jobs key={state} queue={queue} state={state} />
          {statistics.data && (
            <>
              <Stages statistics={statistics.data} />
              <Failures statistics={statistics.data} />
              <Sockets statistics={statistics.data} />
            </>
          )}
        </div>
        <div className={styles.column}>
          {statistics.data ? (
            <>
              <h2 className="unseen">{messages.hour.title}</h2>
              <Throughput statistics={statistics.data} />
              <Latency statistics={statistics.data} of="pickup" />
              <Latency statistics={statistics.data} of="total" />
              <Provider statistics={statistics.data} answeredAt={statistics.dataUpdatedAt} />
            </>
          ) : (
            away && (
              <div className={surfaces.card}>
                <ErrorNotice
                  title={messages.hour.away}
                  error={away}
                  onRetry={() => void askAnew(statisticsQuery.queryKey)}
                />
              </div>
            )
          )}
        </div>
      </div>
    </>
  );
}

/** What keeps the queue from going on. */
function Warnings({ queue }: { queue: Queue }) {
  const { queue: messages } = useMessages();
  return (
    <div role="status">
      {queue.paused && (
        <Warning icon={<Pause size={18} aria-hidden />} title={messages.paused}>
          {messages.pausedText}
        </Warning>
      )}
      {queue.workers === 0 && (
        <Warning icon={<TriangleAlert size={18} aria-hidden />} title={messages.noWorkers}>
          {messages.noWorkersText}
        </Warning>
      )}
    </div>
  );
}

function Warning(props: { icon: ReactNode; title: string; children: string }) {
  return (
    <p className={styles.warning}>
      {props.icon}
      <span>
        <b>{props.title}.</b> {props.children}
      </span>
    </p>
  );
}
