import { useQuery } from "@tanstack/react-query";
import { Pause, TriangleAlert, Wallet } from "lucide-react";
import type { ReactNode } from "react";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { askAnew } from "../api/queries.ts";
import type { Budget, Queue, Statistics } from "../api/types.ts";
import { useTitle } from "../app/title.ts";
import { ErrorNotice } from "../design/Notice.tsx";
import surfaces from "../design/surfaces.module.css";
import { hourMinute } from "../i18n/figures.ts";
import { useLocale, useMessages } from "../i18n/locale.ts";
import styles from "./QueuePage.module.css";
import { Cost } from "./queue/Cost.tsx";
import { Counts } from "./queue/Counts.tsx";
import { Stages } from "./queue/charts/Stages.tsx";
import { Freshness } from "./queue/Freshness.tsx";
import { Jobs } from "./queue/Jobs.tsx";
import { Latency, Throughput } from "./queue/LastHour.tsx";
import { Failures, Sockets } from "./queue/Others.tsx";
import { PauseButton } from "./queue/PauseButton.tsx";
import { Provider } from "./queue/Provider.tsx";
import { queuesQuery, statisticsQuery } from "./queue/polled.ts";
import { stateIn } from "./queue/view.ts";

/** The queue, for operators: what there is, what can be done about it, how it has gone. */
export default function QueuePage() {
  const { queue: messages } = useMessages();
  useTitle(messages.title);
  const asked = useQuery(queuesQuery);
  const [queue] = asked.data?.items ?? [];
  if (!queue) {
    const error = asked.error ?? asked.failureReason;
    if (!error) return <p className="unseen">{messages.loading}</p>;
    return (
      <ErrorNotice
        title={messages.away}
        error={error}
        whole
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
      <Warnings queue={queue} budget={statistics.data?.cost.budget ?? null} />
      <Counts queue={queue} chosen={state} />
      <div className={styles.board}>
        <div className={styles.column}>
          <Jobs key={state} queue={queue} state={state} />
          {statistics.data && <Details statistics={statistics.data} />}
        </div>
        <div className={styles.column}>
          {statistics.data ? (
            <LastHour statistics={statistics.data} answeredAt={statistics.dataUpdatedAt} />
          ) : (
            <Away error={statistics.error ?? statistics.failureReason} />
          )}
        </div>
      </div>
    </>
  );
}

function LastHour({ statistics, answeredAt }: { statistics: Statistics; answeredAt: number }) {
  const { hour } = useMessages().queue;
  return (
    <>
      <h2 className="unseen">{hour.title}</h2>
      <Throughput statistics={statistics} />
      <Latency statistics={statistics} of="pickup" />
      <Latency statistics={statistics} of="total" />
      <Provider statistics={statistics} answeredAt={answeredAt} />
      <Cost cost={statistics.cost} />
    </>
  );
}

function Details({ statistics }: { statistics: Statistics }) {
  return (
    <>
      <Stages statistics={statistics} />
      <Failures statistics={statistics} />
      <Sockets statistics={statistics} />
    </>
  );
}

/** In place of the statistics, once it is known that they do not come. */
function Away({ error }: { error: Error | null }) {
  const { hour } = useMessages().queue;
  if (!error) return null;
  return (
    <div className={surfaces.card}>
      <ErrorNotice
        title={hour.away}
        error={error}
        onRetry={() => void askAnew(statisticsQuery.queryKey)}
      />
    </div>
  );
}

/** What keeps the queue from going on, or has it go on otherwise. */
function Warnings({ queue, budget }: { queue: Queue; budget: Budget | null }) {
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
      {budget?.spent && <BudgetSpent budget={budget} />}
    </div>
  );
}

function BudgetSpent({ budget }: { budget: Budget }) {
  const { queue: messages } = useMessages();
  const time = hourMinute(budget.endsAt, useLocale());
  return (
    <Warning icon={<Wallet size={18} aria-hidden />} title={messages.budgetSpent}>
      {budget.fallback
        ? messages.budgetFallback(budget.fallback, time)
        : messages.budgetWaits(time)}
    </Warning>
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
