using System.CommandLine;
using Softswitch.Configuration;
using Softswitch.Hosting;


namespace Softswitch.Commands;

/// <summary><c>softswitch run</c>: the switch, until SIGINT or SIGTERM.</summary>
internal static class RunCommand
{
    private static readonly Option<string?> Config = new("--config")
    {
        HelpName = "FILE",
        Description = "settings from a YAML file with these options' names as keys; the command line wins",
    };

    public static Command Create()
    {
        var command = new Command("run", "Run the switch until SIGINT or SIGTERM; 'ready' on standard output means that it forwards.") { Config };
        var options = SettingKey.All.ToDictionary(key => key, CreateOption);
        foreach (Option<string[]> option in options.Values)
        {
            command.Options.Add(option);
        }
        command.SetAction(result =>
        {
            List<Setting> settings = [];
            foreach ((SettingKey key, Option<string[]> option) in options)
            {
                string[] values = result.GetValue(option) ?? [];
                bool isBareFlag = key.IsFlag && values.Length == 0 && result.GetResult(option) != null;
                settings.AddRange((isBareFlag ? ["true"] : values).Select(value => new Setting(key.Name, value, option.Name)));
            }
            if (result.GetValue(Config) is { } file)
            {
                settings.AddRange(SettingsFile.Read(file).Where(setting => settings.All(given => given.Key != setting.Key)).ToList());
            }
            return Run(SwitchOptionsReader.Read(settings));
        });
        return command;
    }

    // Every value is text here: one reader judges what comes from either source, and names it in errors.
    private static Option<string[]> CreateOption(SettingKey key) => new($"--{key.Name}")
    {
        HelpName = key.Argument,
        Description = key.Description,
        Arity = key.IsFlag ? ArgumentArity.ZeroOrMore : ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private static int Run(SwitchOptions options)
    {
        PoolThreads.Fill();
        using var signal = new TerminationSignal();
        using SwitchHost host = SwitchHost.Start(options, Console.Out.WriteLine, Console.Error.WriteLine);
        Console.Out.WriteLine("ready");
        WaitHandle.WaitAny([signal.Token.WaitHandle, host.Failed.WaitHandle]);
        host.ThrowIfFailed();
        return 0;
    }
}
