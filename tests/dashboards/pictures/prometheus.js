// Prometheus' answers as the data frames Grafana's own Prometheus data source makes of them.
import { FieldType, toDataFrame } from '@grafana/data';

export const fill = (text, values) => text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (all, a, b) => values[a ?? b] ?? all);

async function ask(setup, kind, parameters) {
  const answer = await fetch(`${setup.prometheus}/api/v1/${kind}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const { status, error, data } = await answer.json();
  if (status !== 'success') throw new Error(error);
  return data.result;
}

const legendOf = (format, labels) =>
  format === '__auto'
    ? Object.entries(labels).filter(([name]) => name !== '__name__').map(([name, value]) => `${name}="${value}"`).join(', ') || 'Value'
    : format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');

// The steps of a range query, so that gaps are gaps.
function fieldsOverTime(series, { from, to, step }) {
  const values = new Map(series.values.map(([time, value]) => [Math.round(time), Number(value)]));
  const times = [];
  for (let time = from; time <= to; time += step) times.push(time);
  return [times.map((time) => time * 1000), times.map((time) => values.get(time) ?? null)];
}

function frameOf(target, series, setup) {
  const [times, values] = series.values
    ? fieldsOverTime(series, setup)
    : [[series.value[0] * 1000], [Number(series.value[1])]];
  const { __name__, ...labels } = series.metric;
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: times, config: {} },
      { name: 'Value', type: FieldType.number, values, labels, config: { displayNameFromDS: legendOf(target.legendFormat, labels) } },
    ],
  });
}

function tableOf(target, result, several) {
  const labels = [...new Set(result.flatMap((series) => Object.keys(series.metric)))].sort();
  const value = several ? `Value #${target.refId}` : 'Value';
  return toDataFrame({
    refId: target.refId,
    fields: result.length === 0 ? [] : [
      { name: 'Time', type: FieldType.time, values: result.map((series) => series.value[0] * 1000), config: {} },
      ...labels.map((label) => ({
        name: label, type: FieldType.string, values: result.map((series) => series.metric[label] ?? ''), config: {},
      })),
      { name: value, type: FieldType.number, values: result.map((series) => Number(series.value[1])), config: {} },
    ],
  });
}

export async function framesOf(panel, setup) {
  const frames = [];
  for (const target of panel.targets) {
    const query = fill(target.expr, setup.values);
    const { from, to, step } = setup;
    const result = await ask(setup, target.instant ? 'query' : 'query_range',
      target.instant ? { query, time: to } : { query, start: from, end: to, step });
    if (target.format === 'table') frames.push(tableOf(target, result, panel.targets.length > 1));
    else frames.push(...result.map((series) => frameOf(target, series, setup)));
  }
  return frames;
}

export const isEmpty = (frames) => frames.every((frame) => frame.length === 0 || frame.fields.length === 0);

