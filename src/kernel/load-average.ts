/**
 * Layer: kernel. How busy the machine was of late, as /proc/loadavg tells it: the share of time somebody computed, averaged over
 * one, five and fifteen minutes with the past fading out. Taken when it is asked for, so an idle kernel does nothing. It must
 * not know who computes.
 */

const MINUTES_NS = [1, 5, 15].map((minutes) => minutes * 60e9);

export class LoadAverage {
  #atNs: number;
  #cpuNs: number;
  readonly #averages = [0, 0, 0];

  constructor(nowNs: number, cpuNs: number) {
    this.#atNs = nowNs;
    this.#cpuNs = cpuNs;
  }

  /** Up to now. */
  at(nowNs: number, cpuNs: number): readonly [number, number, number] {
    const passed = nowNs - this.#atNs;
    if (passed > 0) {
      const busy = Math.min(1, Math.max(0, (cpuNs - this.#cpuNs) / passed));
      MINUTES_NS.forEach((span, i) => {
        const faded = Math.exp(-passed / span);
        this.#averages[i] = (this.#averages[i] ?? 0) * faded + busy * (1 - faded);
      });
      this.#atNs = nowNs;
      this.#cpuNs = cpuNs;
    }
    const [one = 0, five = 0, fifteen = 0] = this.#averages;
    return [one, five, fifteen];
  }
}
