/**
 * What has come and gone, in plain numbers, so that the hot path only adds.
 * Identity that always holds: total = answered + aborted + active.
 */
import { Histogram } from '../core/histogram.js'

/** One method of one route pattern. */
export class RouteTraffic {
  readonly method: string
  readonly route: string
  active = 0
  total = 0
  aborted = 0
  /** Connections that were upgraded, and those of them that are open. */
  upgrades = 0
  upgraded = 0
  /** Durations of the answered, by status; a connection that was upgraded has none. */
  readonly durations = new Map<number, Histogram>()

  constructor(method: string, route: string) {
    this.method = method
    this.route = route
  }

  record(status: number, duration: number): void {
    let histogram = this.durations.get(status)
    if (histogram === undefined) {
      histogram = new Histogram()
      this.durations.set(status, histogram)
    }
    histogram.record(duration)
  }
}

export class Traffic {
  active = 0
  peak = 0
  total = 0
  answered = 0
  aborted = 0
  /** Of the active, those whose connection speaks another protocol now. */
  upgraded = 0
  /** Of the answered, those that were shed. */
  rejected = 0
  readonly routes: RouteTraffic[] = []

  /** The method's traffic on a pattern; the same object at each call. */
  route(method: string, pattern: string): RouteTraffic {
    let route = this.routes.find((known) => known.method === method && known.route === pattern)
    if (route === undefined) {
      route = new RouteTraffic(method, pattern)
      this.routes.push(route)
    }
    return route
  }

  begin(route: RouteTraffic): void {
    this.total++
    if (++this.active > this.peak) this.peak = this.active
    route.total++
    route.active++
  }

  /** @param duration milliseconds */
  endAnswered(route: RouteTraffic, status: number, duration: number): void {
    this.active--
    this.answered++
    route.active--
    route.record(status, duration)
  }

  /** Its connection was upgraded; it is active until that ends. */
  upgrade(route: RouteTraffic): void {
    this.upgraded++
    route.upgrades++
    route.upgraded++
  }

  endUpgraded(route: RouteTraffic): void {
    this.upgraded--
    route.upgraded--
    this.active--
    this.answered++
    route.active--
  }

  endAborted(route: RouteTraffic): void {
    this.active--
    this.aborted++
    route.active--
    route.aborted++
  }

  /** The client was gone before the first hook: seen and aborted, and nothing else. */
  countGone(route: RouteTraffic): void {
    this.begin(route)
    this.endAborted(route)
  }
}
