import type { ButtonHTMLAttributes, ReactNode } from "react";
import styles from "./Button.module.css";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `accent`: the one thing to do here. `quiet`: no frame until it is pointed at. */
  look?: "accent" | "plain" | "quiet" | "danger";
  icon?: ReactNode;
  /** Without children: what screen readers and the tooltip say. */
  label?: string;
}

export function Button({ look = "plain", icon, label, children, className, ...rest }: Props) {
  const classes = [styles.button, styles[look], children ? "" : styles.bare, className];
  return (
    <button
      type="button"
      className={classes.filter(Boolean).join(" ")}
      {...(label && { "aria-label": label, title: label })}
      {...rest}
    >
      {icon}
      {children && <span>{children}</span>}
    </button>
  );
}
