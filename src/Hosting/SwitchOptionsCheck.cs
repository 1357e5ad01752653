using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;
using Softswitch.Ports.Linux;

namespace Softswitch.Hosting;

/// <summary>Judges the options of a switch without opening anything.</summary>
internal static class SwitchOptionsCheck
{
    /// <summary>Judges the files of TLS, and what only all options together show. A reader has judged each option alone.</summary>
    /// <param name="withFlows">Whether the flows to begin with are read, too.</param>
    /// <returns>The options, with a number for every port.</returns>
    /// <exception cref="OptionException">A line for each that is wrong.</exception>
    public static SwitchOptions Check(SwitchOptions options, bool withFlows = false)
    {
        List<string> errors = [];
        SwitchOptions complete = Try(options.Complete, errors) ?? options;
        if (withFlows)
        {
            Try<object>(() => CheckFlows(complete), errors);
        }
        using TlsCredentials? loaded = Try(() => SwitchCredentials.Load(options), errors);
        return errors.Count == 0 ? complete : throw new OptionException(errors);
    }

    private static T? Try<T>(Func<T?> read, List<string> errors)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is OptionException or PortException or SystemCallException)
        {
            errors.AddRange(e.Message.Split('\n'));
            return null;
        }
    }

    private static object? CheckFlows(SwitchOptions options)
    {
        StartupFlows.Check(options);
        return null;
    }
}
