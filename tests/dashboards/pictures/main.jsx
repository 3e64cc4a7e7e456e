// Draws a dashboard with Grafana's UI components. What core panel plugins do between options and components is done here.
import { applyFieldOverrides, cacheFieldDisplayNames, createTheme, dateTime, getDisplayValueAlignmentFactors, getFieldDisplayValues,
  ThemeContext, transformDataFrame, VizOrientation } from '@grafana/data';
import { BarGauge, BigValue, ErrorBoundary, GlobalStyles, PanelChrome, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { marked } from 'marked';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import { fill, framesOf, isEmpty } from './prometheus.js';
import { registryFor } from './registries.js';

const setup = window.SETUP;
const theme = createTheme({ colors: { mode: setup.theme } });
const UNIT = 30, GAP = 8;
const replaceVariables = (text) => fill(text ?? '', setup.values);

const textModeOf = (panel) => panel.options.textMode === 'auto' && !panel.title ? 'value_and_name' : panel.options.textMode;

function fieldValues(panel, frames, sparkline) {
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables, theme, data: frames, sparkline, timeZone: 'utc',
  });
}

const draw = {
  stat: (panel, frames, width, height) => (
    <VizRepeater
      getValues={() => fieldValues(panel, frames, panel.options.graphMode !== 'none')}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, alignmentFactors, count }) => (
        <BigValue
          value={value.display} sparkline={value.sparkline} count={count} alignmentFactors={alignmentFactors}
          colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} justifyMode={panel.options.justifyMode}
          textMode={textModeOf(panel)} disableWideLayout={!panel.options.wideLayout} width={width} height={height} theme={theme}
        />
      )}
      width={width} height={height} source={frames} itemSpacing={3} renderCounter={0} autoGrid orientation={VizOrientation.Auto}
    />
  ),
  bargauge: (panel, frames, width, height) => (
    <VizRepeater
      getValues={() => fieldValues(panel, frames, false)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width, height, alignmentFactors, count, orientation }) => (
        <BarGauge
          value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} width={width} height={height}
          orientation={orientation} displayMode={panel.options.displayMode} valueDisplayMode={panel.options.valueMode}
          namePlacement={panel.options.namePlacement} showUnfilled={panel.options.showUnfilled} alignmentFactors={alignmentFactors}
          theme={theme} itemSpacing={8} lcdCellWidth={12}
        />
      )}
      width={width} height={height} source={frames} itemSpacing={10} renderCounter={0} orientation={VizOrientation.Horizontal}
      minVizWidth={panel.options.minVizWidth} minVizHeight={panel.options.minVizHeight} maxVizHeight={panel.options.maxVizHeight}
    />
  ),
  timeseries: (panel, frames, width, height) => (
    <TimeSeries
      frames={frames} structureRev={1} width={width} height={height} timeZone="utc" legend={panel.options.legend} options={panel.options}
      timeRange={{ from: dateTime(setup.from * 1000), to: dateTime(setup.to * 1000), raw: { from: 'now-1d', to: 'now' } }}
    />
  ),
  table: (panel, frames, width, height) => {
    cacheFieldDisplayNames(frames);
    return <TableNG data={frames[0]} width={width} height={height} cellHeight={panel.options.cellHeight} fieldConfig={panel.fieldConfig} structureRev={1} enableVirtualization={false} />;
  },
};

async function load(panel) {
  if (!draw[panel.type]) throw new Error(`panels of type ${panel.type} cannot be drawn`);
  let frames = await framesOf(panel, setup);
  const empty = isEmpty(frames);
  frames = frames.filter((frame) => frame.fields.length > 0);
  if (panel.transformations && !empty) frames = await lastValueFrom(transformDataFrame(panel.transformations, frames));
  return {
    empty,
    frames: applyFieldOverrides({
      data: frames, fieldConfig: panel.fieldConfig, fieldConfigRegistry: registryFor(panel.type), replaceVariables, theme, timeZone: 'utc',
    }),
  };
}

const showsNoValue = { stat: true, bargauge: false, timeseries: false, table: false };

function Panel({ panel, left, top, width, height }) {
  const [state, setState] = useState({ name: panel.type === 'text' ? 'done' : 'loading' });
  useEffect(() => {
    if (panel.type === 'text') return;
    load(panel).then((found) => setState({ name: 'done', ...found }), (error) => setState({ name: 'error', message: error.message }));
  }, []);
  const content = (innerWidth, innerHeight) => {
    if (panel.type === 'text') return <div dangerouslySetInnerHTML={{ __html: marked(fill(panel.options.content, setup.values)) }} />;
    if (state.name === 'loading') return null;
    if (state.name === 'error') return <div style={{ color: 'red' }}>{state.message}</div>;
    if (state.empty && !showsNoValue[panel.type]) {
      const style = { display: 'flex', width: innerWidth, height: innerHeight, alignItems: 'center', justifyContent: 'center' };
      return <div style={{ ...style, color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
    }
    return (
      <ErrorBoundary>
        {({ error }) => error ? <div data-crashed={error.message}>{error.message}</div> : draw[panel.type](panel, state.frames, innerWidth, innerHeight)}
      </ErrorBoundary>
    );
  };
  const done = state.name !== 'loading';
  return (
    <div data-panel={panel.title} data-state={state.name} data-empty={Boolean(state.empty)} data-message={state.message ?? ''}
      style={{ position: 'absolute', left, top, width, height }} key={done}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}
        padding={panel.type === 'table' ? 'none' : 'md'} statusMessage={state.message}>
        {content}
      </PanelChrome>
    </div>
  );
}

function Board() {
  const cell = (setup.width - GAP) / 24;
  const bottom = Math.max(...setup.board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const chosen = setup.board.templating.list.filter((one) => one.type !== 'datasource').map((one) => `${one.label}: ${setup.shown[one.name]}`);
  return (
    <div id="board" style={{ width: setup.width, background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
      <div style={{ padding: '10px 12px 6px', display: 'flex', gap: 24, alignItems: 'baseline' }}>
        <span style={{ fontSize: 18, fontWeight: 500 }}>{setup.board.title}</span>
        {chosen.map((text) => <span key={text} style={{ color: theme.colors.text.secondary }}>{text}</span>)}
      </div>
      <div style={{ position: 'relative', height: bottom * (UNIT + GAP) + GAP }}>
        {setup.board.panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos;
          return <Panel key={panel.id} panel={panel} left={GAP + x * cell} top={y * (UNIT + GAP)} width={w * cell - GAP} height={h * UNIT + (h - 1) * GAP} />;
        })}
      </div>
    </div>
  );
}

createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}><GlobalStyles isExtensionPage={false} /><style>{'body { margin: 0 }'}</style><Board /></ThemeContext.Provider>,
);
