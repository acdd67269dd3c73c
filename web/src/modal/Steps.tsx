import { Check, X } from "lucide-react";
import { Icon } from "../design/Icon.tsx";
import { useMessages } from "../i18n/locale.ts";
import styles from "./Steps.module.css";
import type { Step } from "./view.ts";

/** How many find room for their labels, on a phone and elsewhere. */
const ROOM = { phone: 6, screen: 9 };

/** The stages, each with icon, label and state. */
export function Steps({ steps }: { steps: readonly Step[] }) {
  const { stage } = useMessages();
  return (
    <ol
      className={styles.steps}
      aria-label={stage.list}
      data-room={steps.length > ROOM.screen ? "none" : steps.length > ROOM.phone ? "some" : "all"}
    >
      {steps.map(({ id, icon, label, state }) => (
        <li
          key={id}
          className={styles.step}
          data-stage={id}
          data-state={state}
          aria-current={state === "active" ? "step" : undefined}
        >
          <span className={styles.disc}>
            <Icon name={icon} size={20} />
            {state === "done" && (
              <span className={styles.badge}>
                <Check size={11} strokeWidth={3.5} aria-hidden />
              </span>
            )}
            {state === "failed" && (
              <span className={styles.badge}>
                <X size={11} strokeWidth={3.5} aria-hidden />
              </span>
            )}
          </span>
          <span className={styles.label}>{label}</span>
          <span className="unseen">{stage[state]}</span>
        </li>
      ))}
    </ol>
  );
}
