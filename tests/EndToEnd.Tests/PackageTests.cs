using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The packages: all that a program of one's own needs, from a folder and without a network.</summary>
[Trait("Ring", "all")]
public sealed class PackageTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(4);

    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-package-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_fresh_project_forwards_between_two_interfaces_with_the_packages_alone()
    {
        Needs.Namespaces("ping");
        string root = Repository.Root;
        Run(Path.Combine(root, "eng", "package"), "--no-build", "nuget", Path.Combine(_folder, "feed")).Checked();
        File.Copy(Path.Combine(root, "samples", "Embedded", "Program.cs"), Path.Combine(_folder, "Program.cs"));
        File.WriteAllText(Path.Combine(_folder, "Fresh.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Softswitch.Hosting" Version="*" />
              </ItemGroup>
            </Project>
            """);
        // What the packages depend on was restored for the build of the switch.
        string restored = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        File.WriteAllText(Path.Combine(_folder, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="feed" /></packageSources>
              <fallbackPackageFolders><clear /><add key="restored" value="{restored}" /></fallbackPackageFolders>
            </configuration>
            """);
        Run("env", $"NUGET_PACKAGES={_folder}/packages", SwitchProgram.Dotnet, "build", _folder, "--output", $"{_folder}/out", "--disable-build-servers").Checked();

        using CabledHosts hosts = new();
        using RunningCommand program = hosts.Inside.Start(SwitchProgram.Dotnet, $"{_folder}/out/Fresh.dll", "s1", "s2");
        Eventually.True(() => program.Output.Contains("dropped: ", StringComparison.Ordinal) || program.HasExited, "it printed nothing");
        Assert.Equal(0, hosts.Host(1).Execute("ping", "-c", "3", "-i", "0.2", "-w", "10", "10.0.0.2").ExitCode);
    }

    private static CommandResult Run(string file, params string[] arguments)
    {
        using RunningCommand command = RunningCommand.Start(file, arguments);
        return command.WaitForEnd(Bound);
    }
}
