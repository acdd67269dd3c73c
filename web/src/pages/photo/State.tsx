import { RotateCcw } from "lucide-react";
import type { Photo } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import surfaces from "../../design/surfaces.module.css";
import { useMessages } from "../../i18n/locale.ts";
import { ended, type Live } from "../../live/merge.ts";
import { Bar } from "../../modal/Bar.tsx";
import { Steps } from "../../modal/Steps.tsx";
import { useSeenPhoto } from "../../modal/views.ts";
import { useWords } from "../../modal/words.ts";
import { cancel, retry } from "../../photos/actions.ts";
import styles from "./State.module.css";

interface Props {
  photo: Photo;
  now: Live;
  /** It is as it is at this moment: news to be announced. */
  answered: boolean;
}

/** How the work on a photo goes, or why it did not go well; nothing where all is well. */
export function State({ photo, now, answered }: Props) {
  const { photo: messages, progress, failure } = useMessages();
  if (!ended(now)) return <Working photo={photo} />;
  if (now.status !== "error" && now.status !== "cancelled") return null;
  const bad = now.status === "error";
  const role = bad ? "alert" : "status";
  return (
    <div className={styles.ended} data-bad={bad || undefined} role={answered ? role : undefined}>
      <p className={styles.what}>{bad ? messages.failed : messages.cancelled}</p>
      {bad && now.error && <p>{failure[now.error.code]}</p>}
      {bad && now.error && (
        <p className={styles.why}>
          {now.error.message}
          {now.error.code && <code className={styles.code}>{now.error.code}</code>}
        </p>
      )}
      <Button icon={<RotateCcw size={16} aria-hidden />} onClick={() => void retry(photo)}>
        {progress.retry}
      </Button>
    </div>
  );
}

function Working({ photo }: { photo: Photo }) {
  const { progress, photo: messages } = useMessages();
  const seen = useSeenPhoto(photo);
  const { message, aside } = useWords(seen);
  return (
    <section className={[styles.working, surfaces.card].join(" ")} aria-label={messages.working}>
      <Steps steps={seen.view.steps} />
      <Bar span={seen.view.span} label={progress.bar} numbered />
      <div className={styles.words}>
        <p aria-live="polite">
          {message}
          {aside && <span className={styles.aside}> · {aside}</span>}
        </p>
        <Button look="danger" onClick={() => void cancel([photo])}>
          {progress.cancel}
        </Button>
      </div>
    </section>
  );
}
