import type { Job } from "../../api/types.ts";
import styles from "./Reason.module.css";

/** Why something failed: the stable word, and what was said. `bad`: it failed for good. */
export function Reason({ error, bad }: { error: NonNullable<Job["error"]>; bad: boolean }) {
  return (
    <p className={styles.reason} data-bad={bad}>
      <code className={styles.code}>{error.code}</code> {error.message}
    </p>
  );
}
