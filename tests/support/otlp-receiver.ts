/** A span as a collector receives it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  /** 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined for the root span of a trace. */
  readonly parentSpanId: string | undefined;
  /** 2 is an error. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly events: readonly string[];
  readonly tookMs: number;
}

/** A collector for tests: OTLP over HTTP, in JSON. */
export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Resource attributes of the reporting processes, by `service.name`. */
  readonly resources: Map<string, Record<string, string | number>>;
  stop(): Promise<void>;
}

interface KeyValue {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: number;
    readonly doubleValue?: number;
  };
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

interface SentSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status?: { readonly code?: number };
  readonly attributes: readonly KeyValue[];
  readonly events: readonly { readonly name: string }[];
}

export function startOtlpReceiver(port = 0): OtlpReceiver {
  const spans: ReceivedSpan[] = [];
  const resources: OtlpReceiver['resources'] = new Map();
  const server = Bun.serve({
    port,
    hostname: '127.0.0.1',
    async fetch(request) {
      if (new URL(request.url).pathname !== '/v1/traces') return new Response(null, { status: 404 });
      const { resourceSpans } = (await request.json()) as ExportRequest;
      for (const { resource, scopeSpans } of resourceSpans) {
        const values = valuesOf(resource.attributes);
        const service = String(values['service.name']);
        resources.set(service, values);
        for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => received(service, span)));
      }
      return Response.json({});
    },
  });
  return { url: server.url.origin, spans, resources, stop: () => server.stop(true) };
}

function received(service: string, span: SentSpan): ReceivedSpan {
  const { name, kind, traceId, spanId, parentSpanId, startTimeUnixNano, endTimeUnixNano } = span;
  return {
    service,
    name,
    kind,
    traceId,
    spanId,
    parentSpanId,
    status: span.status?.code ?? 0,
    attributes: valuesOf(span.attributes),
    events: span.events.map((event) => event.name),
    tookMs: Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6,
  };
}

const valuesOf = (attributes: readonly KeyValue[]) =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.doubleValue ?? '']),
  );
