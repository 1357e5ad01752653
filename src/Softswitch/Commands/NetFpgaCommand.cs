using System.CommandLine;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Transports;

namespace Softswitch.Commands;

/// <summary><c>softswitch netfpga</c>: what a NetFPGA card holds, or would hold, of a flow table.</summary>
internal static class NetFpgaCommand
{
    private const string StandardInput = "-";
    private const string ControlSocket = "unix:";
    private static readonly TimeSpan ShowTimeout = TimeSpan.FromSeconds(30);

    private static readonly Option<string?> LayoutOption = new("--layout")
    {
        HelpName = "1.0|0.9",
        Description = "What the bits of entries mean: 1.0, or 0.9 for bitfiles of 2009.",
    };

    public static Command Create()
    {
        Option<string> flows = new("--flows") { HelpName = "FILE", Description = "A flow per line in ovs-ofctl's words, in order of installation; - for standard input.", Required = true };
        Option<string> offload = new("--offload") { HelpName = "strict|on|all", Description = "How far the card may go, as for run --netfpga.", DefaultValueFactory = _ => "on" };
        Command dump = new("dump", "Print the register writes that bring an empty card to these flows.") { flows, LayoutOption, offload };
        dump.SetAction(parsed => Dump(parsed.GetRequiredValue(flows), Layout(parsed), parsed.GetRequiredValue(offload)));

        Argument<string> image = new("file") { Description = "Lines of netfpga dump; - for standard input.", DefaultValueFactory = _ => StandardInput };
        Command decode = new("decode", "Turn register writes back into flows.") { image, LayoutOption };
        decode.SetAction(parsed => Decode(parsed.GetRequiredValue(image), Layout(parsed)));

        Argument<string?> card = new("card")
        {
            Description = "An interface or device of the card (nf2c0), or the running switch that drives it: its name or unix:PATH. May be left out while one switch runs.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> transport = new("--transport") { HelpName = "ioctl|device|pci|pci:WHERE", Description = "The way to the registers; without it, the best there is." };
        Argument<string?> which = new("name") { Description = "Of a running switch's cards, this one.", Arity = ArgumentArity.ZeroOrOne };
        Command show = new("show", "Read a card: identification, tables, counters, capacity.") { card, which, transport, LayoutOption };
        show.SetAction(parsed => Show(parsed.GetValue(card), parsed.GetValue(which), parsed.GetValue(transport), parsed.GetValue(LayoutOption) == null ? null : Layout(parsed)));
        return new Command("netfpga", "NetFPGA cards under the OpenFlow switch bitfile.") { dump, decode, show };
    }

    private static int Dump(string file, CardLayout layout, string level)
    {
        if (level is not ("strict" or "on" or "all"))
        {
            throw new OptionException($"--offload: '{level}' is none of strict, on and all");
        }
        using TextReader lines = Open(file, "--flows");
        FlowFileOnCard table = FlowFileOnCard.Install(lines, file, layout, Enum.Parse<OffloadLevel>(level, ignoreCase: true));
        foreach (string warning in table.Warnings)
        {
            Console.Error.WriteLine($"netfpga dump: {warning}");
        }
        using (StreamWriter output = new(Console.OpenStandardOutput()))
        {
            foreach (RegisterWrite write in table.Writes)
            {
                output.WriteLine(RegisterLines.Format(write));
            }
        }
        int forwarded = table.Flows.Count(flow => flow.IsForwarded);
        if (forwarded < table.Flows.Count)
        {
            Console.Error.WriteLine($"netfpga dump: {forwarded} of {table.Flows.Count} flows are forwarded by the card");
            foreach (string line in CardReport.InSoftware(table.Flows))
            {
                Console.Error.WriteLine($"netfpga dump:{line}");
            }
        }
        return 0;
    }

    private static int Decode(string file, CardLayout layout)
    {
        using TextReader lines = Open(file, "file");
        using RegisterImage card = new();
        RegisterLines.Apply(lines, file, card);
        foreach (string line in CardListing.DescribeFlows(CardTables.Read(card), layout, FlowFileOnCard.PortNumbers))
        {
            Console.Out.WriteLine(line);
        }
        return 0;
    }

    private static int Show(string? card, string? name, string? transport, CardLayout? layout)
    {
        IReadOnlyList<string> lines;
        if (card == null || card.StartsWith(ControlSocket, StringComparison.Ordinal) || ControlSockets.Running().Contains(card))
        {
            if (transport != null || layout != null)
            {
                throw new OptionException($"{(transport != null ? "--transport" : "--layout")}: the switch that drives the card has chosen it");
            }
            lines = ManagementClient.AskLines(ControlSockets.Find(card), ManagementRequest.ShowCards(name), ShowTimeout);
        }
        else if (name != null)
        {
            throw new OptionException($"name: '{name}' is asked of a running switch only");
        }
        else
        {
            using IRegisterAccess registers = RegisterTransports.Open(card, transport);
            lines = CardReport.OfIdle(card, registers, layout);
        }
        foreach (string line in lines)
        {
            Console.Out.WriteLine(line);
        }
        return 0;
    }

    private static CardLayout Layout(ParseResult parsed) => parsed.GetValue(LayoutOption) switch
    {
        null or "1.0" => CardLayout.V10,
        "0.9" => CardLayout.V09,
        string other => throw new OptionException($"--layout: '{other}' is neither 1.0 nor 0.9"),
    };

    private static TextReader Open(string file, string option)
    {
        try
        {
            return file == StandardInput ? Console.In : new StreamReader(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionException($"{option}: {file}: {e.Message}", e);
        }
    }
}
