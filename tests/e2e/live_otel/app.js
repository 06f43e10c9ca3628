// An application with OpenTelemetry's JavaScript SDK: exports everything twice, as JSON to AGENT and as
// protobuf to DIRECT, and ends with 0 when all exports succeeded.
const { context, trace, SpanKind, SpanStatusCode, ValueType } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');

const problems = [];
const exporters = (signal, name) =>
  [['AGENT', 'http'], ['DIRECT', 'proto']].map(([place, form]) => {
    const module_ = require(`@opentelemetry/exporter-${signal}-otlp-${form}`);
    const path = signal === 'trace' ? 'traces' : signal;
    const exporter = new module_[name]({ url: `${process.env[place]}/v1/${path}`, compression: 'gzip' });
    const send = exporter.export.bind(exporter);
    exporter.export = (items, done) => send(items, (result) => {
      if (result.code !== 0) problems.push(`${place} ${signal}: ${result.error}`);
      done(result);
    });
    return exporter;
  });

async function main() {
  const resource = resourceFromAttributes(
    { 'service.name': 'shop', n: 5, real: 0.5, yes: true, list: ['a', 'b'] });
  const tracing = new BasicTracerProvider(
    { resource, spanProcessors: exporters('trace', 'OTLPTraceExporter').map((e) => new SimpleSpanProcessor(e)) });
  const tracer = tracing.getTracer('app', '1.2');
  const first = tracer.startSpan('first', { kind: SpanKind.SERVER, attributes: { 'http.method': 'GET' } });
  const second = tracer.startSpan('caf\u00e9', {
    kind: SpanKind.CLIENT, links: [{ context: first.spanContext(), attributes: { why: 1 } }],
  }, trace.setSpan(context.active(), first));
  second.addEvent('event', { 'exception.type': 'E', sizes: [1, 2, 3] });
  second.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' });
  second.end();
  first.end();

  const logs = new LoggerProvider(
    { resource, processors: exporters('logs', 'OTLPLogExporter').map((exporter) => {
      try { return new SimpleLogRecordProcessor({ exporter }); } catch { return new SimpleLogRecordProcessor(exporter); }
    }) });
  const logger = logs.getLogger('app', '1.2');
  for (let number = 0; number < 3; number += 1) {
    logger.emit({
      timestamp: [1767322445, number], observedTimestamp: [1767322446, number],
      severityNumber: SeverityNumber.WARN, severityText: 'WARN',
      body: { n: number, text: 'line\n"quoted"' }, attributes: { number }, eventName: 'happened',
    });
  }

  const measuring = new MeterProvider(
    { resource, readers: exporters('metrics', 'OTLPMetricExporter').map((exporter) =>
      new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3600000 })) });
  const meter = measuring.getMeter('app', '1.2');
  meter.createCounter('requests', { unit: '1', description: 'How many', valueType: ValueType.INT })
    .add(5, { code: 200 });
  meter.createUpDownCounter('open', { valueType: ValueType.INT }).add(-2);
  const histogram = meter.createHistogram('duration', { unit: 's' });
  [0.1, 3.5, 9000].forEach((value) => histogram.record(value, { path: '/' }));

  await tracing.forceFlush();
  await logs.forceFlush();
  await measuring.forceFlush();
  console.log(problems.join('\n'));
  process.exit(problems.length ? 1 : 0);
}
main().catch((error) => { console.log(error); process.exit(1); });
