using System.Diagnostics.Metrics;
using Replicator.Core.Diagnostics;

namespace Replicator.Bus.Tests;

/// <summary>What the publisher's instruments say.</summary>
sealed class Gauges : IDisposable
{
    readonly MeterListener _listener = new();
    readonly Dictionary<string, double> _values = [];

    public Gauges()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == CoreTelemetry.Name)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Keep(instrument, value));
        _listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Keep(instrument, value));
        _listener.Start();
    }

    public double Read(string name)
    {
        _listener.RecordObservableInstruments();
        lock (_values)
            return _values.GetValueOrDefault(name);
    }

    public void Dispose() => _listener.Dispose();

    void Keep(Instrument instrument, double value)
    {
        lock (_values)
            _values[instrument.Name] = instrument.IsObservable ? value : _values.GetValueOrDefault(instrument.Name) + value;
    }
}
