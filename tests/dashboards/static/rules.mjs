// What Grafana's own types and registries say of a dashboard: faultsOf(board, schemas). Bundled by check.mjs before it runs.
import './navigator.mjs';
import { fieldColorModeRegistry, fieldMatchers, fieldReducers, getValueFormats, standardTransformers } from '@grafana/data';
import Ajv from 'ajv';

// What Grafana reads and writes but its types do not have.
const UNTYPED = {
  variable: ['definition'],
  annotation: ['expr', 'step', 'titleFormat', 'textFormat', 'useValueForTime'],
};
const PROPERTIES = ['unit', 'decimals', 'min', 'max', 'color', 'thresholds', 'mappings', 'links', 'noValue', 'displayName', 'description'];
const CUSTOM = {
  timeseries: ['lineStyle', 'lineWidth', 'fillOpacity', 'drawStyle', 'stacking', 'axisPlacement', 'hideFrom'],
  table: ['cellOptions', 'width', 'align', 'hidden', 'filterable', 'inspect'],
};
const COLORS_OF_DATA = ['timeseries', 'stat', 'bargauge', 'table'];

const ajv = new Ajv({ allErrors: true, strict: false });
const units = new Set(getValueFormats().flatMap((category) => category.submenu.map((unit) => unit.value)));
const transformers = new Set(Object.values(standardTransformers).map((one) => one.id));

const without = (object, names) => Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/** Schemas, by name, as functions. */
export const compiled = (schemas) => Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, ajv.compile(schema)]));

/** schemas: compiled ones. */
export function faultsOf(board, schemas) {
  const faults = [];
  const fits = (type, value, where) => {
    if (schemas[type](value)) return;
    for (const error of schemas[type].errors) {
      const extra = error.params.additionalProperty ? ` (${error.params.additionalProperty})` : '';
      faults.push(`${where}: ${error.instancePath || 'it'} ${error.message}${extra}`);
    }
  };
  const known = (registry, id, where, what) => registry.getIfExists(id) || faults.push(`${where}: no ${what} is called ${id}`);
  const unit = (name, where) => name === undefined || units.has(name) || faults.push(`${where}: no unit is called ${name}`);

  fits('Board', {
    ...board,
    panels: [],
    templating: { list: board.templating.list.map((one) => without(one, UNTYPED.variable)) },
    annotations: { list: board.annotations.list.map((one) => without(one, UNTYPED.annotation)) },
  }, 'dashboard');

  for (const panel of board.panels.flatMap((one) => [one, ...(one.panels ?? [])])) {
    const where = `panel "${panel.title}"`;
    if (panel.type === 'row') {
      fits('Row', panel, where);
      continue;
    }
    fits('Panel', panel, where);
    const kind = panel.type[0].toUpperCase() + panel.type.slice(1);
    if (!schemas[`OptionsOf${kind}`]) {
      faults.push(`${where}: panels of type ${panel.type} are not checked, so not used`);
      continue;
    }
    fits(`OptionsOf${kind}`, panel.options ?? {}, `${where} options`);
    for (const target of panel.targets ?? []) fits('Query', target, `${where} query ${target.refId}`);
    for (const calc of panel.options?.reduceOptions?.calcs ?? panel.options?.legend?.calcs ?? []) known(fieldReducers, calc, where, 'calculation');
    for (const step of panel.transformations ?? []) transformers.has(step.id) || faults.push(`${where}: no transformation is called ${step.id}`);
    if (!COLORS_OF_DATA.includes(panel.type)) continue;
    const { defaults, overrides } = panel.fieldConfig;
    unit(defaults.unit, where);
    if (defaults.color) known(fieldColorModeRegistry, defaults.color.mode, where, 'colour mode');
    if (schemas[`CustomOf${kind}`]) fits(`CustomOf${kind}`, defaults.custom ?? {}, `${where} custom`);
    for (const one of overrides) {
      known(fieldMatchers, one.matcher.id, where, 'matcher');
      for (const { id, value } of one.properties) {
        const of = `${where} override of ${one.matcher.options}`;
        const [first, second] = id.split('.');
        if (first === 'custom' ? !CUSTOM[panel.type]?.includes(second) : !PROPERTIES.includes(id)) faults.push(`${of}: no property is called ${id}`);
        else if (first === 'custom') fits(`CustomOf${kind}`, { ...defaults.custom, [second]: value }, of);
        else fits('Panel', { type: panel.type, fieldConfig: { defaults: { [id]: value }, overrides: [] } }, of);
        if (id === 'unit') unit(value, of);
        if (id === 'color') known(fieldColorModeRegistry, value.mode, of, 'colour mode');
      }
    }
  }
  return faults;
}
