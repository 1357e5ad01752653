using System.CommandLine;
using Softswitch.Hosting.Processes;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;
using Softswitch.OfAgent.Learning;

namespace Softswitch.Commands;

/// <summary><c>softswitch controller</c>: a learning controller for OpenFlow 1.0 switches.</summary>
internal static class ControllerCommand
{
    private const int Failed = 2;

    public static Command Create()
    {
        LearningOptions defaults = new();
        Option<string> listen = new("--listen")
        {
            Description = $"Where switches connect: {ConnectionTarget.PassiveForms}.",
            DefaultValueFactory = _ => defaults.Listen,
        };
        Option<ushort> idleTimeout = new("--idle-timeout")
        {
            Description = "Seconds without a packet after which a flow goes; 0 for never.",
            DefaultValueFactory = _ => defaults.IdleTimeoutSeconds,
        };
        Option<ushort> missSendLength = new("--miss-send-len")
        {
            Description = "Bytes of a packet without a flow that switches send along.",
            DefaultValueFactory = _ => defaults.MissSendLength,
        };
        Command command = new("controller", "Run a learning controller: switches that connect forward as bridges do.") { listen, idleTimeout, missSendLength };
        TlsOptions.AddTo(command);
        command.SetAction(parsed => Run(parsed, new LearningOptions
        {
            Listen = parsed.GetRequiredValue(listen),
            IdleTimeoutSeconds = parsed.GetValue(idleTimeout),
            MissSendLength = parsed.GetValue(missSendLength),
            Log = Console.Error.WriteLine,
        }));
        return command;
    }

    private static int Run(ParseResult parsed, LearningOptions options)
    {
        using TerminationSignal end = new();
        try
        {
            using TlsCredentials? tls = TlsOptions.Load(parsed, options.Listen);
            using LearningController controller = new(options with { Tls = tls });
            controller.Start();
            Console.WriteLine(controller.ListeningLine);
            Console.WriteLine("ready");
            end.Token.WaitHandle.WaitOne();
            return 0;
        }
        catch (OfClientException e)
        {
            foreach (string line in e.Message.Split('\n'))
            {
                Console.Error.WriteLine($"controller: {line}");
            }
            return Failed;
        }
    }
}
