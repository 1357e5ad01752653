using System.CommandLine;

namespace Softswitch.Commands;

/// <summary><c>softswitch ofctl</c>: an OpenFlow 1.0 client in ovs-ofctl's words.</summary>
/// <remarks>
/// Exit codes: 0 done, 1 the switch answered with an error, 2 wrong usage or no connection; but diff-flows, as in ovs-ofctl, 2 for a difference
/// and 1 for whatever kept it from comparing. Errors are a line each on standard error.
/// </remarks>
internal static class OfctlCommand
{
    public static Command Create()
    {
        Command command = new("ofctl", "Ask and tell an OpenFlow 1.0 switch, in ovs-ofctl's words.");
        command.Options.Add(OfctlSession.TimeoutOption);
        command.Options.Add(OfctlSession.ProtocolsOption);
        TlsOptions.AddTo(command);
        OfctlReports.AddTo(command);
        OfctlFlows.AddTo(command);
        OfctlPackets.AddTo(command);
        OfctlPorts.AddTo(command);
        return command;
    }
}
