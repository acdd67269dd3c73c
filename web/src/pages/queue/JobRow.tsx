import { ChevronDown, RotateCcw, Trash2, X } from "lucide-react";
import { useId, useState } from "react";
import { Link } from "wouter";
import type { Job } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import { Picture, thumbnail } from "../../design/Picture.tsx";
import { moment } from "../../i18n/amounts.ts";
import { clock } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { Attempts } from "./Attempts.tsx";
import { ACTIONS, type Action, actAndTell } from "./actions.ts";
import styles from "./JobRow.module.css";
import { Reason } from "./Reason.tsx";
import { isListed } from "./view.ts";

/** One job: its photo, how far it has come, why it failed, and what can be done about it. */
export function JobRow({ job }: { job: Job }) {
  const { queue: messages } = useMessages();
  const [open, setOpen] = useState(false);
  const details = useId();
  const name = messages.job.photo(job.photoId);
  return (
    <li className={styles.row} data-job={job.jobId} data-state={job.state}>
      <Thumbnail job={job} />
      <div className={styles.body}>
        <p className={styles.first}>
          <Link href={`/photos/${job.photoId}`} className={styles.name}>
            {name}
          </Link>
          <span className={styles.mark} data-priority={job.priority}>
            <span className="unseen">{messages.priority} </span>
            {messages.priorities[job.priority]}
          </span>
          {job.attempt > 0 && <span>{messages.job.attempt(job.attempt)}</span>}
        </p>
        {job.error && <Reason error={job.error} bad={job.state === "dead"} />}
        <Times job={job} />
      </div>
      <div className={styles.actions}>
        {isListed(job.state) &&
          ACTIONS[job.state].map((action) => <Act key={action} action={action} job={job} />)}
        <Button
          look="quiet"
          className={styles.small}
          label={messages.job.detailsOf(job.photoId)}
          aria-expanded={open}
          aria-controls={details}
          icon={<ChevronDown size={17} aria-hidden className={styles.chevron} />}
          onClick={() => setOpen(!open)}
        />
      </div>
      <div id={details} className={styles.details} hidden={!open}>
        {open && <Attempts jobId={job.jobId} />}
      </div>
    </li>
  );
}

function Thumbnail({ job }: { job: Job }) {
  const [missing, setMissing] = useState(false);
  return (
    <Link
      href={`/photos/${job.photoId}`}
      className={styles.thumbnail}
      tabIndex={-1}
      aria-hidden="true"
    >
      {!missing && (
        <Picture src={thumbnail(job.photoId, 128)} alt="" onError={() => setMissing(true)} />
      )}
    </Link>
  );
}

const ICONS = { retry: RotateCcw, cancel: X, drop: Trash2 };

function Act({ action, job }: { action: Action; job: Job }) {
  const { queue: messages } = useMessages();
  const [busy, setBusy] = useState(false);
  const Shown = ICONS[action];
  return (
    <Button
      look={action === "retry" ? "plain" : "quiet"}
      className={styles.small}
      label={messages.action[`${action}Of`](job.photoId)}
      disabled={busy}
      icon={<Shown size={16} aria-hidden />}
      onClick={() => {
        setBusy(true);
        void actAndTell(action, job).finally(() => setBusy(false));
      }}
    >
      {action !== "drop" && messages.action[action]}
    </Button>
  );
}

function Times({ job }: { job: Job }) {
  const { job: messages } = useMessages().queue;
  const locale = useLocale();
  const times = [
    [messages.enqueued, job.enqueuedAt],
    [messages.started, job.startedAt],
    [messages.ended, job.endedAt],
    [messages.due, job.dueAt],
  ] as const;
  return (
    <p className={styles.times}>
      {times.map(
        ([name, time]) =>
          time && (
            <span key={name}>
              {name}{" "}
              <time dateTime={time} title={moment(time, locale)}>
                {clock(time, Date.now(), locale)}
              </time>
            </span>
          ),
      )}
    </p>
  );
}
