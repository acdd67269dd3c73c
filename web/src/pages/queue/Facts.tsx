import type { ReactNode } from "react";
import styles from "./Facts.module.css";

/** Figures with their names. `narrow`: of a few letters each. */
export function Facts({ narrow = false, children }: { narrow?: boolean; children: ReactNode }) {
  return (
    <dl className={styles.facts} data-narrow={narrow}>
      {children}
    </dl>
  );
}

interface FactProps {
  name: string;
  value: string;
  more?: string | false;
}

export function Fact({ name, value, more }: FactProps) {
  return (
    <div>
      <dt className={styles.name}>{name}</dt>
      <dd className={styles.value}>{value}</dd>
      {more && <dd className={styles.more}>{more}</dd>}
    </div>
  );
}
