import { useId } from "react";
import type { ProviderState, Statistics } from "../../api/types.ts";
import surfaces from "../../design/surfaces.module.css";
import { percent } from "../../i18n/amounts.ts";
import { about, count, money, span } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { Fact, Facts } from "./Facts.tsx";
import styles from "./Provider.module.css";
import { useClock } from "./useClock.ts";
import { ranked } from "./view.ts";

interface Props {
  statistics: Statistics;
  /** When they were answered, ms since 1970. */
  answeredAt: number;
}

/** Whether the provider takes calls, and what it did and cost in the last hour. */
export function Provider({ statistics, answeredAt }: Props) {
  const { provider: messages } = useMessages().queue;
  const locale = useLocale();
  const heading = useId();
  const { providers, provider: use, complete } = statistics;
  const calls = ranked(use.calls);
  return (
    <section className={`${surfaces.card} ${styles.provider}`} aria-labelledby={heading}>
      <h3 id={heading} className={styles.title}>
        {messages.title}
      </h3>
      {providers.length > 0 ? (
        <ul>
          {providers.map((each, index) => (
            <Gate key={index} gate={each} answeredAt={answeredAt} />
          ))}
        </ul>
      ) : (
        <p className={styles.none}>{messages.none}</p>
      )}
      <Facts>
        <Fact
          name={messages.calls}
          value={count(
            calls.reduce((sum, [, number]) => sum + number, 0),
            locale,
          )}
          more={calls.map(([name, number]) => `${name} ${count(number, locale)}`).join(", ")}
        />
        <Fact
          name={messages.cacheHits}
          value={count(use.cacheHits, locale)}
          more={complete > 0 && messages.share(percent(use.cacheHits / complete, locale))}
        />
        <Fact
          name={messages.tokens}
          value={about(use.promptTokens + use.completionTokens, locale)}
          more={messages.tokensOf(
            about(use.promptTokens, locale),
            about(use.completionTokens, locale),
          )}
        />
        <Fact name={messages.cost} value={money(use.costUsd, locale)} />
      </Facts>
    </section>
  );
}

function Gate({ gate, answeredAt }: { gate: ProviderState; answeredAt: number }) {
  const { provider: messages } = useMessages().queue;
  return (
    <li className={styles.gate} data-state={gate.state}>
      <span className={styles.state}>{messages.states[gate.state]}</span>
      <span className={styles.name}>{gate.provider}</span>
      <span className={styles.facts}>
        {gate.state !== "ok" && <Until gate={gate} answeredAt={answeredAt} />}
        <span>{messages.inFlight(gate.inFlight, gate.limit)}</span>
        {gate.waiting > 0 && <span>{messages.waiting(gate.waiting)}</span>}
      </span>
    </li>
  );
}

/** How long a provider is left alone, counted down. */
function Until({ gate, answeredAt }: { gate: ProviderState; answeredAt: number }) {
  const { provider: messages } = useMessages().queue;
  const locale = useLocale();
  const now = useClock();
  const leftMs = gate.untilMs === null ? 0 : gate.untilMs - Math.max(0, now - answeredAt);
  if (leftMs <= 0) return <span>{messages.trying}</span>;
  const time = span(Math.ceil(leftMs / 1000) * 1000, locale);
  return <span>{gate.state === "down" ? messages.again(time) : messages.until(time)}</span>;
}
