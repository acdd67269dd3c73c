import { useQuery } from "@tanstack/react-query";
import { useStages } from "../../api/queries.ts";
import type { JobAttempt, Usage } from "../../api/types.ts";
import { moment } from "../../i18n/amounts.ts";
import { clock, count, money, span } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import styles from "./Attempts.module.css";
import { jobQuery } from "./polled.ts";
import { Reason } from "./Reason.tsx";

/** Each start of a job, and what came of it. */
export function Attempts({ jobId }: { jobId: string }) {
  const { job: messages, loading } = useMessages().queue;
  const { data, error, failureReason } = useQuery(jobQuery(jobId));
  if (!data) {
    const away = error ?? failureReason;
    return <p className={styles.none}>{away ? messages.detailsAway : loading}</p>;
  }
  if (!data.attempts.length) return <p className={styles.none}>{messages.noAttempts}</p>;
  return (
    <ol className={styles.attempts} aria-label={messages.attempts}>
      {data.attempts.map((each) => (
        <Attempt key={each.attempt} attempt={each} />
      ))}
    </ol>
  );
}

function tokens(usage: Usage, locale: string): string {
  return count(usage.promptTokens + usage.completionTokens, locale);
}

function Attempt({ attempt }: { attempt: JobAttempt }) {
  const { job: messages } = useMessages().queue;
  const locale = useLocale();
  const { data: stages } = useStages();
  const labels = new Map(stages?.map(({ id, label }) => [id, label]));
  const facts = [
    ...(attempt.providerCalls ? [messages.calls(attempt.providerCalls)] : []),
    ...(attempt.usage ? [messages.tokens(tokens(attempt.usage, locale))] : []),
    ...(attempt.usage ? [money(attempt.usage.costUsd, locale)] : []),
    ...(attempt.cached ? [messages.cached] : []),
    ...Object.entries(attempt.stageMs).map(
      ([stage, tookMs]) => `${labels.get(stage) ?? stage} ${span(tookMs, locale)}`,
    ),
  ];
  return (
    <li className={styles.attempt}>
      <p className={styles.first}>
        <span className={styles.number}>{messages.attempt(attempt.attempt)}</span>
        <time dateTime={attempt.startedAt} title={moment(attempt.startedAt, locale)}>
          {clock(attempt.startedAt, Date.now(), locale)}
        </time>
        <span data-result={attempt.result}>{messages.results[attempt.result ?? "running"]}</span>
      </p>
      {attempt.error && <Reason error={attempt.error} bad={attempt.result === "error"} />}
      {facts.length > 0 && <p className={styles.facts}>{facts.join(" · ")}</p>}
    </li>
  );
}
