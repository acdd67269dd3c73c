import type { Statistics } from "../../api/types.ts";
import { count, rate, span } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { Chart } from "./charts/Chart.tsx";
import type { Series } from "./charts/series.ts";
import { rateOf } from "./view.ts";

/** How many photos came and ended, minute by minute. */
export function Throughput({ statistics }: { statistics: Statistics }) {
  const { hour } = useMessages().queue;
  const locale = useLocale();
  const { minutes, accepted, complete, failed, cancelled } = statistics;
  return (
    <Chart
      title={hour.throughput}
      figure={hour.perMinute(rate(rateOf(minutes), locale))}
      says={hour.throughputSays(complete, accepted, failed)}
      minutes={minutes}
      format={(value) => count(value ?? 0, locale)}
      series={[
        bars(hour.complete, "accent", "complete", complete),
        bars(hour.failed, "bad", "failed", failed),
        bars(hour.cancelled, "quiet", "cancelled", cancelled),
        { ...bars(hour.accepted, "quiet", "accepted", accepted), look: "line" },
      ]}
    />
  );
}

function bars(
  name: string,
  tone: Series["tone"],
  of: "complete" | "failed" | "cancelled" | "accepted",
  hour: number,
): Series {
  return { name, tone, look: "bar", counts: true, at: (minute) => minute[of], hour };
}

/** How long photos took, minute by minute: to be begun, or all in all. */
export function Latency({ statistics, of }: { statistics: Statistics; of: "pickup" | "total" }) {
  const { hour } = useMessages().queue;
  const locale = useLocale();
  const format = (ms: number | null) => span(ms, locale);
  const { p50Ms, p95Ms } = statistics[of];
  return (
    <Chart
      title={hour[of]}
      text={hour[`${of}Text`]}
      figure={format(p50Ms)}
      says={hour.latencySays(format(p50Ms), format(p95Ms))}
      minutes={statistics.minutes}
      format={format}
      series={[
        latency(hour.most, "quiet", of, "p95Ms", p95Ms),
        latency(hour.median, "accent", of, "p50Ms", p50Ms),
      ]}
    />
  );
}

function latency(
  name: string,
  tone: Series["tone"],
  of: "pickup" | "total",
  part: "p50Ms" | "p95Ms",
  hour: number | null,
): Series {
  return { name, tone, look: "line", counts: false, at: (minute) => minute[of][part], hour };
}
