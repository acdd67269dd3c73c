import { ApiError } from "../../api/problems.ts";
import { useJob, useStages } from "../../api/queries.ts";
import type { JobAttempt, JobDetails, Photo, Stage } from "../../api/types.ts";
import { percent, took } from "../../i18n/amounts.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import page from "../PhotoPage.module.css";
import { partsOf } from "./spans.ts";
import styles from "./Timings.module.css";

/** How the work on a photo went: each attempt, and how long each stage of it took. */
export function Timings({ photo, state }: { photo: Photo; state: string }) {
  const { photo: messages } = useMessages();
  const { data: stages = [] } = useStages();
  const { data: job, error } = useJob(photo.jobId, state);
  if (!job && !error) return null;
  if (job && !job.attempts.length) return null;
  const gone = error instanceof ApiError && error.status === 404;
  return (
    <section aria-labelledby="timings">
      <h2 id="timings" className={page.heading}>
        {messages.timings}
      </h2>
      {job ? (
        <ol className={styles.attempts}>
          {job.attempts.map((attempt, index) => (
            <Attempt key={attempt.attempt} {...{ job, attempt, stages }} first={index === 0} />
          ))}
        </ol>
      ) : (
        <p className={styles.none}>{gone ? messages.forgotten : messages.unknown}</p>
      )}
    </section>
  );
}

interface Props {
  job: JobDetails;
  attempt: JobAttempt;
  stages: readonly Stage[];
  first: boolean;
}

function Attempt({ job, attempt, stages, first }: Props) {
  const { photo: messages } = useMessages();
  const locale = useLocale();
  const waited = first ? between(job.enqueuedAt, attempt.startedAt) : undefined;
  const parts = partsOf(attempt, stages, waited, messages.waited);
  const several = job.attempts.length > 1;
  const total = attempt.endedAt ? between(attempt.startedAt, attempt.endedAt) : undefined;
  return (
    <li className={styles.attempt}>
      {(several || attempt.cached) && (
        <p className={styles.head} data-result={attempt.result}>
          {several && <b>{messages.attempt(attempt.attempt)}</b>}
          {several && attempt.result && <span>{messages.results[attempt.result]}</span>}
          {attempt.cached && <span>{messages.cached}</span>}
          {several && total !== undefined && (
            <span className={styles.ms}>{took(total, locale)}</span>
          )}
        </p>
      )}
      {attempt.error && <p className={styles.error}>{attempt.error.message}</p>}
      <dl className={styles.parts}>
        {parts.map((part) => (
          <div key={part.id} className={styles.part} data-part={part.id}>
            <dt>{part.label}</dt>
            <dd className={styles.bar} title={percent(part.share, locale)}>
              <span style={{ width: `${Math.max(1, part.share * 100)}%` }} />
            </dd>
            <dd className={styles.ms}>{took(part.ms, locale)}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

/** Return the ms between two times, RFC 3339. */
function between(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}
