import { useId } from "react";
import type { Cost as Costs, Spent } from "../../api/types.ts";
import surfaces from "../../design/surfaces.module.css";
import { about, money } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { Fact, Facts } from "./Facts.tsx";
import styles from "./Provider.module.css";

/** What the provider's calls have cost, and what is left of the day's budget. */
export function Cost({ cost }: { cost: Costs }) {
  const { cost: messages } = useMessages().queue;
  const locale = useLocale();
  const heading = useId();
  const { today, last30Days, total, budget } = cost;
  return (
    <section className={`${surfaces.card} ${styles.provider}`} aria-labelledby={heading}>
      <h3 id={heading} className={styles.title}>
        {messages.title}
      </h3>
      <Facts>
        {budget && (
          <Fact
            name={messages.left}
            value={money(budget.remainingUsd, locale)}
            more={messages.of(money(budget.usd, locale))}
          />
        )}
        <Sum name={messages.today} of={[today]} />
        <Sum name={messages.days} of={last30Days} />
        <Sum name={messages.whole} of={[total]} />
      </Facts>
    </section>
  );
}

function Sum({ name, of }: { name: string; of: Spent[] }) {
  const { cost: messages } = useMessages().queue;
  const locale = useLocale();
  const photos = of.reduce((sum, each) => sum + each.photos, 0);
  return (
    <Fact
      name={name}
      value={money(
        of.reduce((sum, each) => sum + each.usd, 0),
        locale,
      )}
      more={messages.photos(photos, about(photos, locale))}
    />
  );
}
