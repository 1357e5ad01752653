using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Configuration;

/// <summary>A port to be opened, in the words of <c>--port</c>: <c>[N=]SPEC[,key=value...]</c>.</summary>
public sealed record PortOption
{
    /// <summary>The origin of ports that are added to a running switch.</summary>
    internal const string ByHand = "port add";

    /// <param name="number">1 to 0xff00, OFPP_LOCAL, or 0 for the lowest free one.</param>
    /// <param name="spec">What is to stand behind it.</param>
    /// <param name="origin">Where it was given, for errors.</param>
    internal PortOption(ushort number, PortSpec spec, string origin) => (Number, Spec, Origin) = (number, spec, origin);

    /// <summary>The OpenFlow port number: 1 to 0xff00, or OFPP_LOCAL; 0 to be given the lowest free one when the switch starts.</summary>
    public ushort Number { get; init; }

    /// <summary>Whether the number is only the lowest that was free.</summary>
    internal bool IsNumberChosen { get; init; }

    internal PortSpec Spec { get; }

    internal string Origin { get; }

    /// <summary>Whether it was added to a running switch, by a tool or a program: no configuration has it.</summary>
    internal bool IsByHand => Origin == ByHand;

    /// <summary>As it would be given with its number: <c>1=eth1</c>.</summary>
    internal string NumberedText => $"{(Number == PortNumber.Local ? "local" : $"{Number}")}={Spec.Body}";

    /// <summary>Same as <see cref="Parse"/>.</summary>
    /// <param name="text">Such as <c>1=eth1</c>.</param>
    public static implicit operator PortOption(string text) => Parse(text);

    /// <summary>Reads a port. Nothing is opened.</summary>
    /// <param name="text">Such as <c>eth1</c>, <c>1=xdp:eth1</c>, <c>local=tap:host0</c>, <c>2=pcap:out.pcap</c>, <c>eth2,rate=100M</c>.</param>
    /// <returns>The port, with the number it names.</returns>
    /// <exception cref="OptionException">It is no port; the message quotes it and says why.</exception>
    public static PortOption Parse(string text) => PortSpec.TryParse(text, out PortSpec? spec, out string? error)
        ? new PortOption(spec.Number ?? 0, spec, "port")
        : throw new OptionException(error);

    /// <summary>The same with its TAP device, which is there, in another network namespace.</summary>
    internal PortOption In(NetworkNamespace network) => new(Number, Spec.In(network), Origin);

    /// <returns>As it was written.</returns>
    public override string ToString() => Spec.Text;
}
