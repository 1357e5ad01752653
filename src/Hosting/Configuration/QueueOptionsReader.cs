using System.Globalization;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>Reads <c>--queue PORT:ID,min-rate=RATE[,max-rate=RATE]</c>.</summary>
internal static class QueueOptionsReader
{
    private const string Form = "PORT:ID,min-rate=RATE[,max-rate=RATE]";

    /// <param name="ports">The ports that were given.</param>
    /// <param name="errors">A line is added for each setting that is wrong.</param>
    public static List<QueueOption> Read(IEnumerable<Setting> settings, IReadOnlyList<PortOption> ports, List<string> errors)
    {
        var queues = new List<QueueOption>();
        foreach (Setting setting in settings)
        {
            if (!TryRead(setting, out QueueOption? queue, out string reason))
            {
                errors.Add($"{setting.Origin}: '{setting.Value}': {reason}");
            }
            else if (!ports.Any(port => port.Number == queue!.Port))
            {
                errors.Add($"{setting.Origin}: '{setting.Value}': there is no port {NameOf(queue!.Port)}");
            }
            else if (queues.Exists(other => other.Port == queue!.Port && other.Config.Id == queue.Config.Id))
            {
                errors.Add($"{setting.Origin}: '{setting.Value}': port {NameOf(queue!.Port)} has a queue {queue.Config.Id} already");
            }
            else if (queues.Count(other => other.Port == queue!.Port) == QueueConfig.MaxPerPort)
            {
                errors.Add($"{setting.Origin}: '{setting.Value}': port {NameOf(queue!.Port)} has {QueueConfig.MaxPerPort} queues already");
            }
            else
            {
                queues.Add(queue!);
            }
        }
        return queues;
    }

    public static string NameOf(ushort port) => port == PortNumber.Local ? "LOCAL" : $"{port}";

    private static bool TryRead(Setting setting, out QueueOption? queue, out string reason)
    {
        queue = null;
        string[] parts = setting.Value.Split(',');
        int colon = parts[0].IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            reason = $"is not {Form}";
            return false;
        }
        string portText = parts[0][..colon];
        string idText = parts[0][(colon + 1)..];
        ushort port = PortNumber.Local;
        if (portText != "local"
            && (!ushort.TryParse(portText, NumberStyles.None, CultureInfo.InvariantCulture, out port) || !PortNumber.IsPhysical(port)))
        {
            reason = $"'{portText}' is neither a port number (1 to {PortNumber.Max}) nor local";
            return false;
        }
        if (!uint.TryParse(idText, NumberStyles.None, CultureInfo.InvariantCulture, out uint id) || id == QueueConfig.None)
        {
            reason = $"'{idText}' is not a queue number (0 to {QueueConfig.None - 1})";
            return false;
        }
        if (!TryReadRates(parts.AsSpan(1), id, out QueueConfig config, out reason))
        {
            return false;
        }
        queue = new QueueOption(port, config, setting.Value, setting.Origin);
        return true;
    }

    private static bool TryReadRates(ReadOnlySpan<string> parts, uint id, out QueueConfig config, out string reason)
    {
        config = new QueueConfig(id);
        foreach (string part in parts)
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? part : part[..equals];
            string? value = equals < 0 ? null : part[(equals + 1)..];
            bool isMin = key == "min-rate";
            if (!isMin && key != "max-rate")
            {
                reason = $"unknown option '{key}'; known are min-rate, max-rate";
                return false;
            }
            if ((isMin ? config.MinRate : config.MaxRate) != 0)
            {
                reason = $"{key} is given twice";
                return false;
            }
            if (!BitRate.TryParse(value, out long rate))
            {
                reason = $"{key}: '{value}' is not {BitRate.Example}";
                return false;
            }
            config = isMin ? config with { MinRate = rate } : config with { MaxRate = rate };
        }
        reason = config.MaxRate != 0 && config.MinRate > config.MaxRate ? "min-rate is above max-rate" : string.Empty;
        return reason.Length == 0;
    }
}

/// <summary>One <c>--queue</c>.</summary>
/// <param name="Port">The OpenFlow number of one of the ports.</param>
/// <param name="Text">As written, for errors.</param>
/// <param name="Origin">Where it was given, for errors.</param>
internal sealed record QueueOption(ushort Port, QueueConfig Config, string Text, string Origin);
